"""How many requests are worked on at a time: further ones wait in line, and a line too long is refused.

Bounds the memory that bodies and answers take (upstream: --max-requests-inflight and fair queueing behind it).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Final
from weakref import WeakSet

from api import errors
from apiserver.rest.metrics import in_flight

MAX_WAITING: Final = 4_000
RETRY_AFTER_SECONDS: Final = 1


# Several doors may be open, one for each address; the metric is about all of them.
_limits: Final[defaultdict[str, WeakSet[InFlightLimit]]] = defaultdict(WeakSet)


class InFlightLimit:
    """`kind` is the label in the metrics: "readOnly" or "mutating"."""

    def __init__(self, kind: str, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        _limits[kind].add(self)
        in_flight.labels(kind).set_function(lambda: sum(limit.running for limit in _limits[kind]))

    @property
    def running(self) -> int:
        return self._running

    def try_enter(self) -> bool:
        """Take a place if there is a free one."""
        if self._running < self._limit:
            self._running += 1
            return True
        return False

    async def wait(self) -> None:
        """Wait for a place. Raises `TooManyRequests` when too many wait already."""
        if len(self._waiting) >= MAX_WAITING:
            raise errors.TooManyRequests("Too many requests, please try again later.", RETRY_AFTER_SECONDS)
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place was handed over just before the cancellation: pass it on.
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place up, to the one that has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1
