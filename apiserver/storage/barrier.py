"""The linearizable barrier of consistent reads: one question to etcd answers all reads that wait together.

A read may only use an answer asked for after it arrived: so a question already under way is not joined,
the next one is. While reads come side by side, questions keep a distance: one costs as much CPU as
three reads, and etcd answers sooner than many readers gather. A lone reader never waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

DISTANCE_SECONDS = 0.001


class Barrier:
    """`ask()` gives etcd's current revision and may raise."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._waiting: list[asyncio.Future[int]] = []
        self._runner: asyncio.Task[None] | None = None

    def revision(self) -> asyncio.Future[int]:
        """A revision that is not older than anything acknowledged before this call."""
        # One future each: a reader that leaves must not take the others with it.
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="read-barrier")
        return answer

    async def close(self) -> None:
        runner = self._runner
        if runner is not None:
            runner.cancel()
            await asyncio.wait([runner])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                answers, self._waiting = self._waiting, []
                next_at = loop.time() + DISTANCE_SECONDS
                await self._settle(answers)
                if len(answers) > 1:
                    await asyncio.sleep(next_at - loop.time())
        finally:
            self._runner = None

    async def _settle(self, answers: list[asyncio.Future[int]]) -> None:
        try:
            revision = await self._ask()
        except asyncio.CancelledError:
            for answer in answers:
                answer.cancel()
            raise
        except Exception as error:
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer in answers:
            if not answer.done():
                answer.set_result(revision)
