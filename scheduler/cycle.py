"""One pod, one choice: filter all nodes, score those that are left, take the best, the dice deciding among equals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.framework import Plugin, Profile, Rejection, Scores
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Refused:
    """No node would take the pod.

    message: what users are told, in upstream's words. plugins: which turned nodes down. resolvable: the nodes where
    removing pods could help.
    """

    message: str
    plugins: frozenset[str]
    resolvable: Mask


@dataclass(frozen=True, slots=True)
class Chosen:
    """The node to bind to, and how many nodes would have done."""

    node: str
    feasible: int


def choose_node(pod: PodInfo, snapshot: Snapshot, profile: Profile, random_source: random.Random) -> Chosen | Refused:
    """Decide where a pod goes. Changes nothing but the state of `random_source`."""
    nodes = snapshot.nodes
    total = nodes.count
    if total == 0:
        return Refused(NO_NODES, frozenset(), nodes.present.copy())
    refused = _refused_everywhere(pod, snapshot, profile.plugins, total)
    if refused is not None:
        return refused
    feasible, diagnosis = _filter(pod, snapshot, profile.plugins, total)
    if snapshot.nominated and _leans_on_others(pod) and feasible.any():
        # Pods that are only to come may never do so: company they would be must not be counted on.
        with snapshot.without(list(snapshot.nominated)):
            alone, without_them = _filter(pod, snapshot, profile.plugins, total)
        if not (feasible & alone).any():
            diagnosis = without_them
        feasible &= alone
    if not feasible.any():
        return Refused(diagnosis.message(), frozenset(diagnosis.plugins), diagnosis.resolvable)
    slots = np.flatnonzero(feasible)
    nominated = nodes.slot(pod.pod.status.nominated_node_name)
    if nominated is not None and feasible[nominated]:
        slot = nominated
    elif len(slots) > 1:
        scores = _score(pod, snapshot, profile.plugins, feasible)[slots]
        best = slots[scores == scores.max()]
        slot = int(best[random_source.randrange(len(best))])
    else:
        slot = int(slots[0])
    return Chosen(nodes.name(slot), len(slots))


def sentence(total: int, reasons: Counter[str]) -> str:
    """How many of how many nodes are of no use for which reason, as upstream says it."""
    counted = sorted(f"{count} {reason}" for reason, count in reasons.items() if count)
    return f"0/{total} nodes are available: {', '.join(counted)}."


def turned_down(plugin: Plugin, rejections: Sequence[Rejection], among: Mask) -> Iterator[tuple[Rejection, Mask]]:
    """Each rejection with the nodes, of those in `among`, that it is counted for."""
    done = np.zeros(len(among), dtype=np.bool_)
    for rejection in rejections:
        nodes = rejection.nodes & among
        if not plugin.tells_every_reason:
            nodes &= ~done
        done |= nodes
        yield rejection, nodes


class _Diagnosis:
    """Why nodes were turned down: each node is counted for the first plugin that did."""

    def __init__(self, total: int, slots: int) -> None:
        self._total = total
        self._reasons: Counter[str] = Counter()
        self.resolvable: Mask = np.zeros(slots, dtype=np.bool_)
        self.plugins: set[str] = set()

    def add(self, plugin: Plugin, rejections: Sequence[Rejection], feasible: Mask) -> None:
        """Count a plugin's rejections among the nodes still feasible, and take those off."""
        down = np.zeros(len(feasible), dtype=np.bool_)
        hopeless = down.copy()
        for rejection, nodes in turned_down(plugin, rejections, feasible):
            self._reasons[rejection.reason] += int(np.count_nonzero(nodes))
            down |= nodes
            if not rejection.resolvable:
                hopeless |= nodes
        if down.any():
            self.plugins.add(plugin.name)
            self.resolvable |= down & ~hopeless
            feasible &= ~down

    def message(self) -> str:
        return sentence(self._total, self._reasons)


def _refused_everywhere(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], total: int) -> Refused | None:
    for plugin in plugins:
        reason = plugin.refuse(pod, snapshot) if plugin.refuse is not None else None
        if reason is not None:
            nowhere = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
            return Refused(f"0/{total} nodes are available: {reason}.", frozenset((plugin.name,)), nowhere)
    return None


def _filter(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], total: int) -> tuple[Mask, _Diagnosis]:
    feasible = snapshot.nodes.present.copy()
    diagnosis = _Diagnosis(total, len(feasible))
    for plugin in plugins:
        rejections = plugin.filter(pod, snapshot) if plugin.filter is not None else ()
        if rejections:
            diagnosis.add(plugin, rejections, feasible)
            if not feasible.any():
                break
    return feasible, diagnosis


def _leans_on_others(pod: PodInfo) -> bool:
    """Other pods can make a node fit for this one."""
    return bool(pod.required_affinity or pod.hard_spread)


def _score(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], feasible: Mask) -> Scores:
    total = np.zeros(len(feasible), dtype=np.float64)
    for plugin in plugins:
        scores = plugin.score(pod, snapshot, feasible) if plugin.score is not None and plugin.weight else None
        if scores is not None:
            total += plugin.weight * scores
    return total
