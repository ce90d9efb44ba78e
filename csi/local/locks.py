"""Calls about one volume or snapshot wait for each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

R = TypeVar("R")


class Locks:
    """By name. Names of snapshots begin with `SNAPSHOT`."""

    SNAPSHOT = "snapshot/"

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[object]] = set()

    async def run(self, names: set[str], work: Callable[[], R]) -> R:
        """What `work`, run in a thread with these names held, returns.

        A caller that goes away lets go of nothing: threads cannot be cancelled, and a call repeated meanwhile must
        find what this one made.
        """
        task = asyncio.create_task(self._run(names, work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _run(self, names: set[str], work: Callable[[], R]) -> R:
        async with self._held(names):
            return await asyncio.to_thread(work)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever still waits

    @contextlib.asynccontextmanager
    async def _held(self, names: set[str]) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            # In one order for all, or two calls could wait for each other.
            for name in sorted(names):
                await stack.enter_async_context(self._lock(name))
            yield

    def _lock(self, name: str) -> asyncio.Lock:
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock
