"""How far the caches have come, and those who wait for them to get there. Pure apart from asyncio futures."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class Progress:
    """`revision` only grows, except through `reset`."""

    def __init__(self) -> None:
        self.revision = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def advance(self, revision: int) -> None:
        """Everything up to `revision` is in the caches."""
        if revision > self.revision:
            self.revision = revision
        while self._waiting and self._waiting[0][0] <= self.revision:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    async def reached(self, revision: int, timeout_seconds: float) -> None:
        """Wait until `revision` is in the caches. Raises TimeoutError."""
        if self.revision >= revision:
            return
        future = asyncio.get_running_loop().create_future()
        entry = (revision, next(self._order), future)
        heapq.heappush(self._waiting, entry)
        try:
            async with asyncio.timeout(timeout_seconds):
                await future
        except (TimeoutError, asyncio.CancelledError):
            # A revision far in the future would keep its place for ever.
            if entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            raise
