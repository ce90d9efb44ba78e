"""A queue of keys to reconcile: no duplicates, never two workers on one key, delays and back-off.

Behaviour: client-go's workqueue (dirty and processing sets; exponential per-item rate limiter).
Keys, never objects, enter: what a worker reads is then always the newest state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cluster.clock import Clock, LoopClock, Timer

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """Keys in order of arrival.

    A key added while waiting is merged; one added while being worked on is handed out again after `done`.
    Failures back off per key from base_delay_seconds, doubling up to max_delay_seconds.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        base_delay_seconds: float = 0.005,
        max_delay_seconds: float = 60.0,
        observe_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._clock = clock or LoopClock()
        self._base_delay = base_delay_seconds
        self._max_delay = max_delay_seconds
        self._observe_wait = observe_wait
        self._queue: deque[Key] = deque()
        self._dirty: dict[Key, float] = {}  # key -> monotonic time of its first add
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, tuple[float, Timer]] = {}
        self._available = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Nothing waits, is delayed or is being worked on."""
        return not (self._dirty or self._processing or self._timers)

    def add(self, key: Key) -> None:
        """Hand `key` to a worker as soon as one is free."""
        if key in self._dirty:
            return
        self._dirty[key] = self._clock.monotonic()
        if key not in self._processing:
            self._queue.append(key)
            self._available.set()

    def add_after(self, key: Key, delay_seconds: float) -> None:
        """Add `key` after a delay; the earliest of several delays wins."""
        if delay_seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + delay_seconds
        waiting = self._timers.get(key)
        if waiting is not None:
            if waiting[0] <= due:
                return
            waiting[1].cancel()
        self._timers[key] = (due, self._clock.call_later(delay_seconds, lambda: self._expire(key)))

    def add_rate_limited(self, key: Key) -> float:
        """Add `key` after its back-off, which grows with each call until `forget`. Returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(self._base_delay * 2 ** min(failures, 32), self._max_delay)
        self.add_after(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """The key was worked on well: its back-off starts over."""
        self._failures.pop(key, None)

    def failures(self, key: Key) -> int:
        """How often the key was rate-limited since it was last forgotten."""
        return self._failures.get(key, 0)

    async def get(self) -> Key:
        """The next key; it belongs to the caller until `done`."""
        while not self._queue:
            self._available.clear()
            await self._available.wait()
        key = self._queue.popleft()
        added_at = self._dirty.pop(key)
        self._processing.add(key)
        if self._observe_wait is not None:
            self._observe_wait(self._clock.monotonic() - added_at)
        return key

    def done(self, key: Key) -> None:
        """The caller of `get` is finished with the key."""
        self._processing.discard(key)
        if key in self._dirty:
            self._queue.append(key)
            self._available.set()

    def close(self) -> None:
        """Call off all delays."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _expire(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)
