"""One attempt at a pod: a node, or why there is none and who is removed to make one fit."""

from __future__ import annotations

import random
from dataclasses import dataclass

from scheduler.cycle import NO_NODES, Chosen, choose_node
from scheduler.framework import Profile
from scheduler.pod_info import PodInfo
from scheduler.preemption.candidates import Candidates
from scheduler.preemption.preempt import NoRoom, preempt
from scheduler.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Nomination:
    """Room to be made on a node. denominated: uids of less important pods that were to come there and now are not."""

    node: str
    victims: tuple[PodInfo, ...]
    denominated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node would take the pod as things are.

    message: what users are told, in upstream's words. plugins: which turned nodes down. nomination: room to be made.
    gives_up: room that was to be made before is of no use any more. preempting: preemption was looked into.
    """

    message: str
    plugins: frozenset[str]
    nomination: Nomination | None = None
    gives_up: bool = False
    preempting: bool = False


def attempt(
    pod: PodInfo, snapshot: Snapshot, profile: Profile, random_source: random.Random, candidates: Candidates
) -> Chosen | Unschedulable:
    """Decide about a pod. Changes nothing but the state of `random_source` and what `candidates` remembers."""
    with snapshot.without(_outranked(pod, snapshot)):
        outcome = choose_node(pod, snapshot, profile, random_source)
        if isinstance(outcome, Chosen):
            return outcome
        if not profile.preempts or outcome.message == NO_NODES:
            return Unschedulable(outcome.message, outcome.plugins)
        room = preempt(pod, snapshot, profile, outcome, candidates)
    if isinstance(room, NoRoom):
        message = f"{outcome.message} preemption: {room.message}"
        return Unschedulable(message, outcome.plugins, gives_up=room.gives_up, preempting=True)
    nomination = Nomination(room.node, room.victims, _outranked_on(room.node, pod, snapshot))
    return Unschedulable(outcome.message, outcome.plugins, nomination, preempting=True)


def _outranked(pod: PodInfo, snapshot: Snapshot) -> list[str]:
    """The pod itself and the less important ones that were to come to nodes: they do not stand in its way."""
    itself = [pod.uid] if pod.uid in snapshot.nominated else []
    if snapshot.least_nominated_priority >= pod.priority:
        return itself
    outranked = (uid for uid, placement in snapshot.nominated.items() if placement.pod.priority < pod.priority)
    return [*itself, *outranked]


def _outranked_on(node: str, pod: PodInfo, snapshot: Snapshot) -> tuple[str, ...]:
    placements = snapshot.nominated.values()
    return tuple(p.pod.uid for p in placements if p.node == node and p.pod.priority < pod.priority)
