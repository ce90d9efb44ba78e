"""One stream, many writes in flight: what `cluster.client` sends its writes through.

gRPC costs the same for a message with one write as with a hundred, so writes that come while one batch is being sent
leave together in the next. Each is answered by itself.
"""

from __future__ import annotations

import asyncio
import itertools

import grpc
import orjson

from api import errors
from cluster import grpc_errors
from cluster.pacing import Pacer
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc

MAX_BATCH = 256


class WriteStream:
    """Submits writes; connects on the first and again after a failure.

    Writes not yet sent wait for the connection; those in flight when it breaks fail with ServiceUnavailable,
    because nobody knows whether they were carried out: the caller reads again and decides.
    """

    def __init__(self, stub: pb_grpc.ObjectsStub) -> None:
        self._stub = stub
        self._ids = itertools.count(1)
        self._unsent: dict[int, pb.Write] = {}
        self._waiting: dict[int, asyncio.Future[pb.Object]] = {}
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, write: pb.Write, timeout_seconds: float) -> pb.Object:
        """Carry out one write. Raises api.errors; Timeout when no answer came in time."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="write-stream")
        write.id = next(self._ids)
        answer: asyncio.Future[pb.Object] = asyncio.get_running_loop().create_future()
        self._unsent[write.id] = write
        self._waiting[write.id] = answer
        self._work.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError:
            raise errors.Timeout("the API server did not answer the write in time") from None
        finally:
            self._unsent.pop(write.id, None)
            self._waiting.pop(write.id, None)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            call = self._stub.Write(wait_for_ready=True)
            sender = asyncio.create_task(self._send(call), name="write-stream-sender")
            try:
                await self._receive(call)
                self._fail_in_flight(errors.ServiceUnavailable("the API server ended the write stream"))
            except grpc.aio.AioRpcError as error:
                self._fail_in_flight(grpc_errors.from_rpc_error(error, "the API server"))
            finally:
                sender.cancel()
                call.cancel()
                await asyncio.wait([sender])

    async def _send(self, call: grpc.aio.StreamStreamCall) -> None:
        pacer, clock = Pacer(), asyncio.get_running_loop().time
        while True:
            await self._work.wait()
            self._work.clear()
            while self._unsent:
                ids = list(itertools.islice(self._unsent, MAX_BATCH))
                batch = pb.WriteBatch(writes=[self._unsent.pop(id) for id in ids])
                try:
                    await call.write(batch)
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    return  # the receiving side sees why, and fails what is in flight
                if (wait := pacer.sent(clock())) > 0:
                    await asyncio.sleep(wait)

    async def _receive(self, call: grpc.aio.StreamStreamCall) -> None:
        async for batch in call:
            for result in batch.results:
                answer = self._waiting.get(result.id)
                if answer is None or answer.done():
                    continue
                if result.WhichOneof("outcome") == "object":
                    answer.set_result(result.object)
                else:
                    answer.set_exception(errors.from_status(orjson.loads(result.status)))

    def _fail_in_flight(self, error: errors.StatusError) -> None:
        for id, answer in self._waiting.items():
            if id not in self._unsent and not answer.done():
                answer.set_exception(error)
        if self._unsent:
            self._work.set()
        else:
            self._work.clear()
