"""The write stream against a real gRPC server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import orjson
import pytest

from api import errors
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from cluster.writes import WriteStream


class Server(pb_grpc.ObjectsServicer):
    """Answers creates with their body; refuses "bad"; holds "slow" until told; breaks the stream on "break"."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.streams = 0

    async def Write(self, requests, context):
        self.streams += 1
        async for batch in requests:
            self.batches.append(len(batch.writes))
            results = []
            for write in batch.writes:
                body = write.create.body
                if body == b"break":
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
                if body == b"bad":
                    status = orjson.dumps(errors.NotFound("pods", "bad").to_status())
                    results.append(pb.WriteResult(id=write.id, status=status))
                elif body != b"slow":
                    results.append(pb.WriteResult(id=write.id, object=pb.Object(raw=body)))
            yield pb.WriteResultBatch(results=results)


@pytest.fixture
async def served() -> AsyncIterator[tuple[Server, WriteStream]]:
    service, server = Server(), grpc.aio.server()
    pb_grpc.add_ObjectsServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        writes = WriteStream(pb_grpc.ObjectsStub(channel))
        yield service, writes
        await writes.close()
    await server.stop(grace=None)


def create(body: bytes) -> pb.Write:
    return pb.Write(create=pb.CreateRequest(body=body))


async def test_writes_at_once_leave_together_and_are_answered_each(served: tuple[Server, WriteStream]) -> None:
    service, writes = served
    answers = await asyncio.gather(*(writes.submit(create(b"%d" % n), 10) for n in range(100)))
    assert [answer.raw for answer in answers] == [b"%d" % n for n in range(100)]
    assert len(service.batches) < 10
    assert service.streams == 1


async def test_a_refusal_is_raised_to_its_own_caller(served: tuple[Server, WriteStream]) -> None:
    _, writes = served
    good, bad = await asyncio.gather(
        writes.submit(create(b"good"), 10), writes.submit(create(b"bad"), 10), return_exceptions=True
    )
    assert isinstance(good, pb.Object)
    assert isinstance(bad, errors.NotFound)


async def test_no_answer_in_time_is_a_timeout(served: tuple[Server, WriteStream]) -> None:
    _, writes = served
    with pytest.raises(errors.Timeout):
        await writes.submit(create(b"slow"), 0.05)


async def test_a_broken_stream_fails_what_was_in_flight_and_the_next_write_connects_anew(
    served: tuple[Server, WriteStream],
) -> None:
    service, writes = served
    with pytest.raises(errors.ServiceUnavailable):
        await writes.submit(create(b"break"), 10)
    assert (await writes.submit(create(b"again"), 10)).raw == b"again"
    assert service.streams == 2
