"""What goes over the wire, and the write stream's bookkeeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api import errors, scheme
from apiserver.grpc_door import messages, write_stream
from apiserver.grpc_door.write_stream import WriteExecutor
from apiserver.stored import Batch, Event, Page, Stored
from cluster.pb import objects_pb2 as pb

CONFIG_MAPS = scheme.find("configmaps")


def config_map(name: str, revision: int, size: int = 0) -> Stored:
    data = (
        f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"resourceVersion":"{revision}","name":"{name}",'
        f'"namespace":"default","uid":"u-{name}","labels":{{"a":"b"}}}},"data":{{"k":"{"x" * size}"}}}}'
    )
    return Stored(CONFIG_MAPS, "default", name, revision, data.encode())


def test_an_object_carries_its_identity_and_its_bytes() -> None:
    stored = config_map("a", 300)
    sent = messages.to_object(stored)
    assert (sent.group, sent.version, sent.kind, sent.namespace, sent.name) == ("", "v1", "ConfigMap", "default", "a")
    assert (sent.uid, sent.revision, dict(sent.labels), sent.raw) == ("u-a", 300, {"a": "b"}, stored.data)


def test_watch_batches_are_what_protobuf_would_have_written() -> None:
    events = [Event("ADDED", config_map("a", 5)), Event("DELETED", config_map("b", 70_000, 500))]
    batch = pb.WatchBatch.FromString(messages.watch_batch(Batch(events, 70_001)))
    assert batch.revision == 70_001
    assert [(event.type, event.object.name) for event in batch.events] == [
        (pb.WatchEvent.ADDED, "a"),
        (pb.WatchEvent.DELETED, "b"),
    ]
    assert batch.events[1].object.raw == events[1].stored.data


def test_an_event_is_encoded_once() -> None:
    event = Event("ADDED", config_map("a", 5))
    messages.watch_batch(Batch([event], 5))
    encoded = event.wire
    messages.watch_batch(Batch([event], 6))
    assert event.wire is encoded


def test_a_list_comes_in_batches_and_loses_nothing() -> None:
    items = [config_map(f"c{i}", i + 1, 200_000) for i in range(13)]
    encoded = list(messages.list_batches(Page(items, 99, "token", 7)))
    batches = [pb.ListBatch.FromString(batch) for batch in encoded]
    assert len(batches) > 2
    assert all(len(batch) < 1_300_000 for batch in encoded)
    assert [item.name for batch in batches for item in batch.items] == [stored.name for stored in items]
    last = batches[-1]
    assert (last.revision, last.continue_token, last.remaining_item_count) == (99, "token", 7)
    assert all(batch.revision == 0 for batch in batches[:-1])


def test_an_empty_list_has_a_revision() -> None:
    (only,) = messages.list_batches(Page([], 99))
    assert pb.ListBatch.FromString(only).revision == 99


def test_a_large_initial_state_is_split_and_only_its_end_has_the_revision() -> None:
    events = [Event("ADDED", config_map(f"c{i}", i + 1, 400_000)) for i in range(6)]
    parts = list(messages.split(Batch(events, 50, bookmark=True)))
    assert len(parts) > 1
    assert [event for part in parts for event in part.events] == events
    assert [part.revision for part in parts] == [0] * (len(parts) - 1) + [50]


def test_bodies_are_limited_as_over_rest() -> None:
    assert messages.checked(b"x" * messages.MAX_BODY_BYTES)
    with pytest.raises(errors.RequestEntityTooLarge, match="limit is 3145728"):
        messages.checked(b"x" * (messages.MAX_BODY_BYTES + 1))


def test_unknown_resources_are_not_found() -> None:
    with pytest.raises(errors.StatusError) as refused:
        messages.resource_of(pb.Target(resource="things"))
    assert refused.value.code == 404


class Writes:
    """Writes that complete when told to."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Event] = {}

    def gate(self, id: int) -> asyncio.Event:
        return self.gates.setdefault(id, asyncio.Event())

    async def carry_out(self, write: pb.Write) -> pb.WriteResult:
        self.begun.append(write.id)
        await self.gate(write.id).wait()
        return pb.WriteResult(id=write.id)


async def batches_of(*batches: list[int], hold: asyncio.Event | None = None) -> AsyncIterator[pb.WriteBatch]:
    for ids in batches:
        yield pb.WriteBatch(writes=[pb.Write(id=id) for id in ids])
    if hold is not None:
        await hold.wait()


async def collect(results: AsyncIterator[pb.WriteResultBatch]) -> list[int]:
    async with asyncio.timeout(60):
        return [result.id async for batch in results for result in batch.results]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_every_write_is_answered_however_completions_interleave() -> None:
    writes = Writes()
    executor = WriteExecutor(writes.carry_out)
    answers = asyncio.create_task(collect(executor.run(batches_of([1, 2, 3], [4, 5]), asyncio.Event())))
    await settle()
    for id in (4, 2, 5, 1, 3):
        writes.gate(id).set()
        await asyncio.sleep(0)
    assert sorted(await answers) == [1, 2, 3, 4, 5]


async def test_writes_run_side_by_side_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_stream, "MAX_IN_PROGRESS", 2)
    writes = Writes()
    answers = asyncio.create_task(collect(WriteExecutor(writes.carry_out).run(batches_of([1, 2, 3]), asyncio.Event())))
    await settle()
    assert writes.begun == [1, 2]
    writes.gate(2).set()
    await settle()
    assert writes.begun == [1, 2, 3]
    writes.gate(1).set()
    writes.gate(3).set()
    assert sorted(await answers) == [1, 2, 3]


async def test_a_draining_server_answers_what_was_begun_and_ends_the_stream() -> None:
    writes, draining, hold = Writes(), asyncio.Event(), asyncio.Event()
    executor = WriteExecutor(writes.carry_out)
    answers = asyncio.create_task(collect(executor.run(batches_of([1], hold=hold), draining)))
    await settle()
    draining.set()
    await settle()
    assert not answers.done()
    writes.gate(1).set()
    assert await answers == [1]
