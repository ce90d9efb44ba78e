"""Whether a pod that fits nowhere may have others removed, and on which node.

Pure: what is to be removed comes back; the shell removes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from api.types import PodCondition
from scheduler.cycle import Refused, sentence
from scheduler.framework import Profile
from scheduler.pod_info import PodInfo
from scheduler.preemption.candidates import Answer, Candidates, Ranking
from scheduler.preemption.victims import NO_VICTIMS, Victims, by_trial
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NEVER = "not eligible due to preemptionPolicy=Never."
WAITING = "not eligible due to a terminating pod on the nominated node."
REASON = "PreemptionByScheduler"
DISRUPTION_TARGET = "DisruptionTarget"

_RESOURCES = "NodeResourcesFit"
# How many nodes are tried pod by pod before the best of those found will do (upstream: at least 100).
_ENOUGH = 100
# How many are tried at most: all other pods wait meanwhile, 0.2 ms for each of 5,000 nodes tried. The next attempt goes
# on where this one ended.
_MOST_TRIALS = 500


@dataclass(frozen=True, slots=True)
class Room:
    """Room that can be made on a node by removing pods, which may be none but those that are going already."""

    node: str
    victims: tuple[PodInfo, ...]


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Nobody is removed. message: why not, in upstream's words. gives_up: an earlier nomination no longer holds."""

    message: str
    gives_up: bool


def preempt(
    pod: PodInfo, snapshot: Snapshot, profile: Profile, refused: Refused, candidates: Candidates
) -> Room | NoRoom:
    """Find room for a pod that was refused everywhere. Changes nothing but what `candidates` remembers."""
    reason = _not_eligible(pod, snapshot, refused)
    if reason is not None:
        return NoRoom(reason, gives_up=False)
    by_resources, by_others, verdicts = _sort_out(pod, snapshot, profile, refused.resolvable)
    fit, ranking, answers = candidates.find(pod, snapshot, by_resources)
    best = ranking.best(fit)
    tried = _try_each(pod, snapshot, profile, by_others, candidates)
    if any(isinstance(found, Victims) for found in tried.values()):
        best, victims = _best_of_all(snapshot, best, answers, tried)
    elif best is not None:
        victims = _victims(answers[best].found)
    else:
        for slot in np.flatnonzero(by_resources).tolist():
            verdicts[str(answers[slot].found)] += 1
        verdicts.update(str(found) for found in tried.values())
        verdicts[NO_VICTIMS] += int(np.count_nonzero(by_others)) - len(tried)
        return NoRoom(sentence(snapshot.nodes.count, verdicts), gives_up=True)
    return Room(snapshot.nodes.name(best), victims.pods)


def _not_eligible(pod: PodInfo, snapshot: Snapshot, refused: Refused) -> str | None:
    if pod.pod.spec.preemption_policy == "Never":
        return NEVER
    slot = snapshot.nodes.slot(pod.pod.status.nominated_node_name)
    if slot is None or not refused.resolvable[slot]:
        return None
    for placement in snapshot.on_slot(slot):
        other = placement.pod
        if other.priority < pod.priority and (
            other.uid in snapshot.doomed or (other.terminating and _preempted(other))
        ):
            return WAITING
    return None


def _preempted(pod: PodInfo) -> bool:
    """The pod is going because it was preempted."""
    return any(_says_preempted(condition) for condition in pod.pod.status.conditions)


def _says_preempted(condition: PodCondition) -> bool:
    return condition.type == DISRUPTION_TARGET and condition.status == "True" and condition.reason == REASON


def _sort_out(pod: PodInfo, snapshot: Snapshot, profile: Profile, resolvable: Mask) -> tuple[Mask, Mask, Counter[str]]:
    """The nodes that lack resources alone, those that must be tried, and verdicts on the rest."""
    present = snapshot.nodes.present
    verdicts = Counter({NOT_HELPFUL: int(np.count_nonzero(present & ~resolvable))})
    others = np.zeros(len(present), dtype=np.bool_)
    hopeless = others.copy()
    if pod.required_affinity:
        others |= resolvable  # the company it needs may be among those that would go
    for plugin in profile.plugins:
        rejections = plugin.filter(pod, snapshot) if plugin.filter is not None else ()
        for rejection in rejections:
            if not rejection.resolvable:
                late = rejection.nodes & resolvable & ~hopeless
                verdicts[rejection.reason] += int(np.count_nonzero(late))
                hopeless |= late
            elif plugin.name != _RESOURCES:
                others |= rejection.nodes
    remaining = resolvable & ~hopeless
    return remaining & ~others, remaining & others, verdicts


def _try_each(
    pod: PodInfo, snapshot: Snapshot, profile: Profile, among: Mask, candidates: Candidates
) -> dict[int, Victims | str]:
    def refusal(pod: PodInfo, snapshot: Snapshot, slot: int) -> str | None:
        for plugin in profile.plugins:
            for rejection in plugin.filter(pod, snapshot) if plugin.filter is not None else ():
                if rejection.nodes[slot]:
                    return rejection.reason
        return None

    slots = np.flatnonzero(among)
    begin = int(np.searchsorted(slots, candidates.next_trial))
    tried: dict[int, Victims | str] = {}
    found = trials = 0
    for slot in (*slots[begin:].tolist(), *slots[:begin].tolist()):
        if found >= _ENOUGH or trials >= _MOST_TRIALS:
            candidates.next_trial = slot
            break
        tried[slot] = by_trial(pod, snapshot, slot, refusal)
        found += isinstance(tried[slot], Victims)
        trials += tried[slot] != NO_VICTIMS
    return tried


def _best_of_all(
    snapshot: Snapshot, best: int | None, answers: Mapping[int, Answer], tried: Mapping[int, Victims | str]
) -> tuple[int, Victims]:
    every = {slot: found for slot, found in tried.items() if isinstance(found, Victims)}
    if best is not None:
        every[best] = _victims(answers[best].found)
    ranking = Ranking(snapshot.nodes.slots)
    among = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for slot, victims in every.items():
        ranking.set(slot, victims)
        among[slot] = True
    chosen = ranking.best(among)
    assert chosen is not None  # `every` is not empty
    return chosen, every[chosen]


def _victims(found: Victims | str) -> Victims:
    if isinstance(found, str):
        raise TypeError(f"no victims: {found}")
    return found
