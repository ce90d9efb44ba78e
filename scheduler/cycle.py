"""One pod, one choice: filter all nodes, score those that are left, take the best, the dice deciding among equals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.framework import Plugin, Scores
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node would take the pod.

    message: what users are told, in upstream's words. plugins: which turned nodes down.
    """

    message: str
    plugins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The node to bind to, and how many nodes would have done."""

    node: str
    feasible: int


def choose_node(
    pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], random_source: random.Random
) -> Chosen | Unschedulable:
    """Decide where a pod goes. Changes nothing but the state of `random_source`."""
    total = snapshot.nodes.count
    if total == 0:
        return Unschedulable(NO_NODES, frozenset())
    diagnosis = _Diagnosis(total)
    feasible = _filter(pod, snapshot, plugins, diagnosis)
    slots = np.flatnonzero(feasible)
    if len(slots) == 0:
        return Unschedulable(diagnosis.message(), frozenset(diagnosis.plugins))
    if len(slots) > 1:
        scores = _score(pod, snapshot, plugins, feasible)[slots]
        slots_best = slots[scores == scores.max()]
        slot = int(slots_best[random_source.randrange(len(slots_best))])
    else:
        slot = int(slots[0])
    return Chosen(snapshot.nodes.name(slot), len(slots))


class _Diagnosis:
    """Why nodes were turned down: each node is counted for the first plugin that did."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._reasons: Counter[str] = Counter()
        self._unresolvable = 0
        self._resolvable = 0
        self.plugins: set[str] = set()

    def add_reason(self, reason: str, nodes: int) -> None:
        self._reasons[reason] += nodes

    def add_nodes(self, plugin: str, unresolvable: int, resolvable: int) -> None:
        self.plugins.add(plugin)
        self._unresolvable += unresolvable
        self._resolvable += resolvable

    def message(self) -> str:
        preemption = Counter(
            {
                "Preemption is not helpful for scheduling": self._unresolvable,
                "No preemption victims found for incoming pod": self._resolvable,
            }
        )
        return f"{self._sentence(self._reasons)} preemption: {self._sentence(preemption)}"

    def _sentence(self, reasons: Counter[str]) -> str:
        counted = sorted(f"{count} {reason}" for reason, count in reasons.items() if count)
        return f"0/{self._total} nodes are available: {', '.join(counted)}."


def _filter(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], diagnosis: _Diagnosis) -> Mask:
    feasible = snapshot.nodes.present.copy()
    for plugin in plugins:
        rejections = plugin.filter(pod, snapshot) if plugin.filter is not None else ()
        turned_down = np.zeros(len(feasible), dtype=np.bool_)
        unresolvable = turned_down.copy()
        for rejection in rejections:
            nodes = rejection.nodes & feasible
            if not plugin.tells_every_reason:
                nodes &= ~turned_down
            diagnosis.add_reason(rejection.reason, int(np.count_nonzero(nodes)))
            turned_down |= nodes
            if not rejection.resolvable:
                unresolvable |= nodes
        if turned_down.any():
            hopeless = int(np.count_nonzero(unresolvable))
            diagnosis.add_nodes(plugin.name, hopeless, int(np.count_nonzero(turned_down)) - hopeless)
            feasible &= ~turned_down
            if not feasible.any():
                break
    return feasible


def _score(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], feasible: Mask) -> Scores:
    total = np.zeros(len(feasible), dtype=np.float64)
    for plugin in plugins:
        scores = plugin.score(pod, snapshot, feasible) if plugin.score is not None else None
        if scores is not None:
            total += plugin.weight * scores
    return total
