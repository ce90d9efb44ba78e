"""What each node would say to a pod if it were scheduled now, plugin by plugin.

A pod that is on a node already is thought away from there first. Pure: evaluates the same plugins over the same
snapshot as an attempt does, and changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.attempt import Unschedulable, attempt
from scheduler.cycle import turned_down
from scheduler.framework import Plugin, Profile, Scores
from scheduler.pod_info import PodInfo
from scheduler.preemption.candidates import Candidates
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask


@dataclass(frozen=True, slots=True)
class PluginScore:
    """What a plugin gives a node: 0 to 100, and what that weighs beside the others."""

    plugin: str
    weight: int
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A node's answer: the first plugin to refuse and why, or scores and their weighted sum."""

    node: str
    refused_by: str
    reasons: tuple[str, ...]
    total: float
    scores: tuple[PluginScore, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every node's verdict, the best first, then those that refuse.

    message: as an attempt would have it, "" when there is a node. refusal: why no node would do, whatever it is.
    room: a node and the pods that preemption would remove from it; None when it would not.
    """

    message: str
    refusal: str
    verdicts: tuple[Verdict, ...]
    room: tuple[str, tuple[str, ...]] | None


def explain(pod: PodInfo, snapshot: Snapshot, profile: Profile) -> Explanation:
    """Ask every node."""
    with snapshot.without([pod.uid]):
        outcome = attempt(pod, snapshot, profile, random.Random(0), Candidates())
        refusal = next((why for plugin in profile.plugins if (why := _refusal(plugin, pod, snapshot))), "")
        feasible, refused = _refusals(pod, snapshot, profile.plugins)
        verdicts = [*_rated(pod, snapshot, profile.plugins, feasible), *refused]
    if not isinstance(outcome, Unschedulable):
        return Explanation("", refusal, tuple(verdicts), None)
    nomination = outcome.nomination
    room = None
    if nomination is not None:
        room = (nomination.node, tuple(sorted(victim.full_name for victim in nomination.victims)))
    return Explanation(outcome.message, refusal, tuple(verdicts), room)


def _refusal(plugin: Plugin, pod: PodInfo, snapshot: Snapshot) -> str | None:
    return plugin.refuse(pod, snapshot) if plugin.refuse is not None else None


def _refusals(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin]) -> tuple[Mask, list[Verdict]]:
    """The nodes that would take the pod, and what the others say, by name."""
    feasible = snapshot.nodes.present.copy()
    by_slot: dict[int, tuple[str, list[str]]] = {}
    for plugin in plugins:
        rejections = plugin.filter(pod, snapshot) if plugin.filter is not None else ()
        down = np.zeros(len(feasible), dtype=np.bool_)
        for rejection, nodes in turned_down(plugin, rejections, feasible):
            for slot in np.flatnonzero(nodes).tolist():
                reason = f"{rejection.reason}: {rejection.detail}" if rejection.detail else rejection.reason
                by_slot.setdefault(slot, (plugin.name, []))[1].append(reason + _shortage(reason, pod, snapshot, slot))
            down |= nodes
        feasible &= ~down
    verdicts = [
        Verdict(snapshot.nodes.name(slot), plugin, tuple(reasons), 0.0, ())
        for slot, (plugin, reasons) in by_slot.items()
    ]
    return feasible, sorted(verdicts, key=lambda verdict: verdict.node)


def _shortage(reason: str, pod: PodInfo, snapshot: Snapshot, slot: int) -> str:
    """In numbers, what a node lacks."""
    resource = reason.removeprefix("Insufficient ")
    if resource == reason:
        return ""
    has = int(snapshot.nodes.allocatable(resource)[slot])
    left = has - int(snapshot.nodes.requested(resource)[slot])
    unit = "m" if resource == "cpu" else ""
    return f" (asks for {pod.requests.get(resource, 0)}{unit}, {left}{unit} of {has}{unit} left)"


def _rated(pod: PodInfo, snapshot: Snapshot, plugins: Sequence[Plugin], feasible: Mask) -> list[Verdict]:
    columns: list[tuple[Plugin, Scores]] = []
    for plugin in plugins:
        if plugin.score is not None and plugin.weight:
            scores = plugin.score(pod, snapshot, feasible)
            columns.append((plugin, np.zeros(len(feasible)) if scores is None else scores))
    verdicts = []
    for slot in np.flatnonzero(feasible).tolist():
        each = tuple(PluginScore(plugin.name, plugin.weight, float(scores[slot])) for plugin, scores in columns)
        total = sum(score.weight * score.score for score in each)
        verdicts.append(Verdict(snapshot.nodes.name(slot), "", (), total, each))
    return sorted(verdicts, key=lambda verdict: (-verdict.total, verdict.node))
