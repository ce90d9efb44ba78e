"""Many writes on one stream: carried out side by side, within a limit, and answered in batches as they complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final

import orjson

from api import errors
from cluster.pacing import Pacer
from cluster.pb import objects_pb2 as pb

# Writes of one stream in progress; further messages wait in gRPC's flow control.
MAX_IN_PROGRESS: Final = 256

CarryOut = Callable[[pb.Write], Awaitable[pb.WriteResult]]


class WriteExecutor:
    """One stream's writes. `carry_out` answers refusals as results and raises only when cancelled."""

    def __init__(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        self._slots = asyncio.Semaphore(MAX_IN_PROGRESS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: list[pb.WriteResult] = []
        self._news = asyncio.Event()
        self._input_ended = False

    async def run(
        self, batches: AsyncIterator[pb.WriteBatch], draining: asyncio.Event
    ) -> AsyncGenerator[pb.WriteResultBatch, None]:
        """Results until the input has ended, or the server drains, and everything begun is answered."""
        reader = asyncio.create_task(self._read(batches), name="write-stream-reader")
        drain = asyncio.create_task(self._drain(draining, reader), name="write-stream-drain")
        pacer, clock = Pacer(), asyncio.get_running_loop().time
        try:
            while not (self._input_ended and not self._tasks and not self._results):
                await self._news.wait()
                self._news.clear()
                if self._results:
                    results, self._results = self._results, []
                    yield pb.WriteResultBatch(results=results)
                    if (wait := pacer.sent(clock())) > 0:
                        await asyncio.sleep(wait)
        finally:
            for task in (reader, drain, *self._tasks):
                task.cancel()

    async def _read(self, batches: AsyncIterator[pb.WriteBatch]) -> None:
        try:
            async for batch in batches:
                for write in batch.writes:
                    await self._slots.acquire()
                    task = asyncio.create_task(self._execute(write))
                    self._tasks.add(task)
                    task.add_done_callback(self._done)
        finally:
            self._input_ended = True
            self._news.set()

    async def _drain(self, draining: asyncio.Event, reader: asyncio.Task[None]) -> None:
        await draining.wait()
        reader.cancel()

    async def _execute(self, write: pb.Write) -> None:
        result = await self._carry_out(write)
        self._results.append(result)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        self._news.set()


def refusal(write: pb.Write, error: errors.StatusError) -> pb.WriteResult:
    return pb.WriteResult(id=write.id, status=orjson.dumps(error.to_status()))
