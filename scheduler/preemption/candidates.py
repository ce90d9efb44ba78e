"""The nodes where removing pods would make room for resources, remembered while nothing changes there.

Thousands of like pods that each need room ask about the same nodes again and again: only nodes whose version has
changed since are worked out anew, and the best is found over columns.
Source of the order of nodes: upstream's pickOneNodeForPreemption.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.pod_info import PodInfo
from scheduler.preemption.victims import Victims, for_resources
from scheduler.resources import PODS
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Counts, Mask

MAX_REMEMBERED = 8
_UNKNOWN = -1

Key = tuple[tuple[tuple[str, int], ...], int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for a slot: victims, or why there are none. budgets: the budgets' version if they matter."""

    found: Victims | str
    budgets: int | None


class Ranking:
    """What upstream compares nodes by, as columns; later columns decide between equals."""

    def __init__(self, slots: int) -> None:
        self._columns: list[NDArray[np.float64]] = [np.zeros(slots, dtype=np.float64) for _ in range(5)]

    def set(self, slot: int, victims: Victims) -> None:
        values = (
            victims.violations,
            victims.highest_priority,
            victims.priority_sum,
            len(victims.pods),
            -victims.earliest_start,
        )
        for column, value in zip(self._columns, values, strict=True):
            column[slot] = value

    def best(self, among: Mask) -> int | None:
        """The slot to make room on; None when there is none."""
        slots = np.flatnonzero(among)
        for column in self._columns:
            if len(slots) < 2:
                break
            values = column[slots]
            slots = slots[values == values.min()]
        return int(slots[0]) if len(slots) else None


class _Memory:
    """The answers for one kind of pod."""

    def __init__(self, slots: int) -> None:
        self.versions: Counts = np.full(slots, _UNKNOWN, dtype=np.int64)
        self.is_candidate: Mask = np.zeros(slots, dtype=np.bool_)
        self.budgeted: Mask = np.zeros(slots, dtype=np.bool_)
        self.answers: dict[int, Answer] = {}
        self.coverage = _UNKNOWN
        self.ranking = Ranking(slots)


class Candidates:
    """Answers by what a pod needs and how important it is. next_trial: the slot where trials of nodes go on."""

    def __init__(self) -> None:
        self.next_trial = 0
        self._memories: OrderedDict[Key, _Memory] = OrderedDict()

    def find(self, pod: PodInfo, snapshot: Snapshot, among: Mask) -> tuple[Mask, Ranking, Mapping[int, Answer]]:
        """For the slots in `among`, where only resources are missing: candidates, their order, and every answer."""
        memory = self._memory(pod, snapshot.nodes.slots)
        if memory.coverage != snapshot.budgets.coverage:
            memory.coverage = snapshot.budgets.coverage
            memory.versions[:] = _UNKNOWN
        stale = among & (memory.versions != snapshot.nodes.version)
        for slot in np.flatnonzero(among & memory.budgeted):
            if memory.answers[int(slot)].budgets != snapshot.budgets.version:
                stale[slot] = True
        self._work_out(pod, snapshot, memory, np.flatnonzero(stale).tolist())
        return memory.is_candidate & among, memory.ranking, memory.answers

    def _memory(self, pod: PodInfo, slots: int) -> _Memory:
        key = (tuple(sorted(pod.requests.items())), pod.priority)
        memory = self._memories.pop(key, None)
        if memory is None or len(memory.versions) != slots:
            memory = _Memory(slots)
        self._memories[key] = memory
        while len(self._memories) > MAX_REMEMBERED:
            self._memories.popitem(last=False)
        return memory

    def _work_out(self, pod: PodInfo, snapshot: Snapshot, memory: _Memory, slots: Iterable[int]) -> None:
        nodes = snapshot.nodes
        needs = {resource: amount for resource, amount in pod.requests.items() if amount > 0} | {PODS: 1}
        columns = {
            resource: (nodes.allocatable(resource) - nodes.requested(resource) - amount)
            for resource, amount in needs.items()
        }
        for slot in slots:
            free = {resource: int(column[slot]) for resource, column in columns.items()}
            lower = [
                placed.pod
                for placed in snapshot.on_slot(slot)
                if not placed.nominated and placed.pod.priority < pod.priority
            ]
            for other in lower:
                for resource in free:
                    free[resource] += 1 if resource == PODS else other.requests.get(resource, 0)
            found = for_resources(pod, snapshot, slot, free)
            budgeted = snapshot.budgets.cover(lower)
            memory.answers[slot] = Answer(found, snapshot.budgets.version if budgeted else None)
            memory.budgeted[slot] = budgeted
            memory.versions[slot] = nodes.version[slot]
            memory.is_candidate[slot] = isinstance(found, Victims)
            if isinstance(found, Victims):
                memory.ranking.set(slot, found)
