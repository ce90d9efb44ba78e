"""The linearizable barrier of consistent reads: one question to etcd answers all reads that wait together.

A read may only use an answer asked for after it arrived: so a question already under way is not joined,
the next one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Barrier:
    """`ask()` gives etcd's current revision and may raise."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._next: asyncio.Future[int] | None = None
        self._runner: asyncio.Task[None] | None = None

    async def revision(self) -> int:
        """A revision that is not older than anything acknowledged before this call."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._runner is None:
                self._runner = asyncio.create_task(self._run(), name="read-barrier")
        return await asyncio.shield(self._next)

    async def close(self) -> None:
        runner = self._runner
        if runner is not None:
            runner.cancel()
            await asyncio.wait([runner])

    async def _run(self) -> None:
        try:
            while self._next is not None:
                answer, self._next = self._next, None
                await self._settle(answer)
        finally:
            self._runner = None

    async def _settle(self, answer: asyncio.Future[int]) -> None:
        try:
            answer.set_result(await self._ask())
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:
            answer.set_exception(error)
            # Every reader may have gone away by now: an unread exception is no news.
            answer.exception()
