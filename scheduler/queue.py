"""The pods that wait for a node: active, backing off, unschedulable, gated.

Behaviour: upstream's scheduling queue. Active pods are ordered by priority, then by how long they have waited. A pod
that found no node is unschedulable: it stays so until an event that one of the plugins that turned it down calls
helpful, or for five minutes. A pod that was tried backs off, 1 s doubling to 10 s, before its next attempt; as upstream
since 1.33, a free scheduler does not make a pod that was helped by an event wait for that, but does after errors.
Time comes in as arguments (monotonic seconds).
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum

from scheduler.pod_info import PodInfo

FIRST_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 10.0
UNSCHEDULABLE_FLUSH_SECONDS = 300.0


class Place(StrEnum):
    """Where in the queue a pod is; the values are upstream's metric labels."""

    ACTIVE = "active"
    BACKOFF = "backoff"
    UNSCHEDULABLE = "unschedulable"
    GATED = "gated"


@dataclass(slots=True, eq=False)
class QueuedPod:
    """A pod in the queue.

    rejected_by: the plugins that turned it down last; empty when nothing is known. kind: equal for unschedulable pods
    of which an event helps all or none.
    """

    pod: PodInfo
    first_seen: float
    queued_at: float
    place: Place = Place.ACTIVE
    attempts: int = 0
    attempted_at: float = 0.0
    after_error: bool = False
    rejected_by: frozenset[str] = field(default_factory=frozenset)
    kind: Hashable = None
    first_backoff: float = FIRST_BACKOFF_SECONDS
    max_backoff: float = MAX_BACKOFF_SECONDS

    @property
    def backoff_until(self) -> float:
        if not self.attempts:
            return 0.0
        delay = self.first_backoff * 2.0 ** min(self.attempts - 1, 16)
        return self.attempted_at + min(delay, self.max_backoff)


Entry = tuple[float, float, int, QueuedPod]


class _Heap:
    """Pods by a key of two numbers, lowest first; entries whose pod has moved on are skipped."""

    def __init__(self, is_current: Callable[[int, QueuedPod], bool]) -> None:
        self._entries: list[Entry] = []
        self._is_current = is_current

    def push(self, first: float, second: float, ticket: int, pod: QueuedPod) -> None:
        heapq.heappush(self._entries, (first, second, ticket, pod))

    def peek(self) -> Entry | None:
        while self._entries:
            entry = self._entries[0]
            if self._is_current(entry[2], entry[3]):
                return entry
            heapq.heappop(self._entries)
        return None


class SchedulingQueue:
    """Pods without a node, by uid. `observe(event, place)` is told of every pod that enters a place.

    first_backoff, max_backoff: seconds.
    """

    def __init__(
        self,
        observe: Callable[[str, Place], None] = lambda _event, _place: None,
        first_backoff: float = FIRST_BACKOFF_SECONDS,
        max_backoff: float = MAX_BACKOFF_SECONDS,
    ) -> None:
        self._observe = observe
        self._first_backoff = first_backoff
        self._max_backoff = max_backoff
        self._pods: dict[str, QueuedPod] = {}
        self._tickets: dict[str, int] = {}
        self._counter = itertools.count()
        self._active = _Heap(self._is_current)
        self._backoff = _Heap(self._is_current)
        self._error_backoff = _Heap(self._is_current)
        self._unschedulable: dict[str, QueuedPod] = {}  # in order of their last attempt
        self._kinds: dict[Hashable, dict[str, QueuedPod]] = {}
        self._counts: Counter[Place] = Counter()

    def __len__(self) -> int:
        return len(self._pods)

    def count(self, place: Place) -> int:
        """How many pods are in a place."""
        return self._counts[place]

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def waiting(self) -> list[QueuedPod]:
        """The unschedulable pods, for events to be held against."""
        return list(self._unschedulable.values())

    def kinds(self) -> list[list[QueuedPod]]:
        """The unschedulable pods, those together that an event helps together."""
        return [list(pods.values()) for pods in self._kinds.values()]

    def add(self, pod: PodInfo, now: float) -> None:
        """A pod that is new here."""
        queued = QueuedPod(
            pod, first_seen=now, queued_at=now, first_backoff=self._first_backoff, max_backoff=self._max_backoff
        )
        self._enter(queued, Place.GATED if is_gated(pod) else Place.ACTIVE, "PodAdd")

    def update(self, pod: PodInfo, now: float, *, helpful: bool) -> None:
        """A pod that waits here has changed; helpful: the change may let it be scheduled."""
        queued = self._pods[pod.uid]
        was_gated = queued.place is Place.GATED
        queued.pod = pod
        if is_gated(pod):
            self._enter(queued, Place.GATED, "PodUpdate")
        elif was_gated:
            queued.queued_at = now
            self._enter(queued, Place.ACTIVE, "PodUpdate")
        elif queued.place is Place.UNSCHEDULABLE:
            if helpful:
                self.retry(queued, now, "PodUpdate")
        else:
            self._enter(queued, queued.place, "PodUpdate")  # its priority may differ

    def remove(self, uid: str) -> None:
        """The pod waits no more: it is gone, or has a node."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._counts[queued.place] -= 1
            del self._tickets[uid]
            if self._unschedulable.pop(uid, None) is not None:
                alike = self._kinds[queued.kind]
                del alike[uid]
                if not alike:
                    del self._kinds[queued.kind]

    def retry(self, queued: QueuedPod, now: float, event: str) -> None:
        """Something may have helped an unschedulable pod."""
        queued.queued_at = now
        place = Place.BACKOFF if queued.backoff_until > now else Place.ACTIVE
        self._enter(queued, place, event)

    def pop(self, now: float) -> QueuedPod | None:
        """Take out the next pod to try; it comes back by `unschedulable` or `failed`, or never."""
        self._flush(now)
        entry = self._active.peek() or self._backoff.peek()
        if entry is None:
            return None
        queued = entry[3]
        self.remove(queued.pod.uid)
        queued.attempts += 1
        return queued

    def unschedulable(self, queued: QueuedPod, now: float, rejected_by: frozenset[str]) -> None:
        """No node would take the pod."""
        queued.rejected_by = rejected_by
        queued.after_error = False
        self._put_back(queued, now, Place.UNSCHEDULABLE)

    def failed(self, queued: QueuedPod, now: float) -> None:
        """Trying the pod went wrong: it backs off and is tried again."""
        queued.after_error = True
        self._put_back(queued, now, Place.BACKOFF)

    def next_wakeup(self, now: float) -> float | None:
        """Seconds until time alone makes a pod active; None when it does not."""
        times = [entry[0] for heap in (self._backoff, self._error_backoff) if (entry := heap.peek()) is not None]
        oldest = self._oldest_unschedulable()
        if oldest is not None:
            times.append(oldest.attempted_at + UNSCHEDULABLE_FLUSH_SECONDS)
        return max(0.0, min(times) - now) if times else None

    def _put_back(self, queued: QueuedPod, now: float, place: Place) -> None:
        queued.attempted_at = queued.queued_at = now
        self._enter(queued, place, "ScheduleAttemptFailure")

    def _enter(self, queued: QueuedPod, place: Place, event: str) -> None:
        uid = queued.pod.uid
        self.remove(uid)
        ticket = next(self._counter)
        queued.place = place
        self._pods[uid] = queued
        self._tickets[uid] = ticket
        self._counts[place] += 1
        if place is Place.ACTIVE:
            self._active.push(-queued.pod.priority, queued.queued_at, ticket, queued)
        elif place is Place.BACKOFF:
            heap = self._error_backoff if queued.after_error else self._backoff
            heap.push(queued.backoff_until, queued.queued_at, ticket, queued)
        elif place is Place.UNSCHEDULABLE:
            self._unschedulable[uid] = queued
            queued.kind = (queued.pod.likeness, queued.rejected_by)
            self._kinds.setdefault(queued.kind, {})[uid] = queued
        self._observe(event, place)

    def _flush(self, now: float) -> None:
        for heap in (self._backoff, self._error_backoff):
            while (entry := heap.peek()) is not None and entry[0] <= now:
                self._enter(entry[3], Place.ACTIVE, "BackoffComplete")
        while (oldest := self._oldest_unschedulable()) is not None:
            if now - oldest.attempted_at < UNSCHEDULABLE_FLUSH_SECONDS:
                return
            self.retry(oldest, now, "UnschedulableTimeout")

    def _oldest_unschedulable(self) -> QueuedPod | None:
        return next(iter(self._unschedulable.values()), None)

    def _is_current(self, ticket: int, queued: QueuedPod) -> bool:
        return self._tickets.get(queued.pod.uid) == ticket


def is_gated(pod: PodInfo) -> bool:
    """The pod must not be tried before its scheduling gates are removed."""
    return bool(pod.pod.spec.scheduling_gates)
