"""Writes against a real etcd: optimistic concurrency, side keys, leases, lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from api import codec, errors
from api.types import Event, ObjectMeta
from apiserver.etcd.config import EtcdConfig
from apiserver.requests import ListOptions
from apiserver.storage.storage import Storage
from apiserver.storage.store import Planned, SideConflict, Stale
from apiserver.storage.transactions import Side
from apiserver.stored import Stored
from tests.support.etcd import Etcd
from tests.support.polling import eventually
from tests.support.storage import CONFIG_MAPS, DEADLINE, EVENTS, SERVICES, Open, data_of


async def test_a_write_is_read_back_at_once(opened: Open) -> None:
    for number in range(50):
        made = await opened.create(f"c{number}")
        found = await opened.reader.get("default", f"c{number}")
        assert (found.revision, found.data) == (made.revision, made.data)


async def test_a_second_create_is_refused(opened: Open) -> None:
    await opened.create("a")
    with pytest.raises(errors.AlreadyExists, match='configmaps "a" already exists'):
        await opened.create("a", value="other")


async def test_replacing_needs_the_latest_revision(opened: Open) -> None:
    first = await opened.create("a")
    store = opened.storage.store
    second = await store.replace("configmaps", first, data_of("a", value="2"))
    with pytest.raises(Stale) as stale:
        await store.replace("configmaps", first, data_of("a", value="3"))
    assert stale.value.actual is not None
    assert stale.value.actual.revision == second.revision
    with pytest.raises(Stale):
        await store.delete("configmaps", first)
    await store.delete("configmaps", second)
    with pytest.raises(Stale) as gone:
        await store.replace("configmaps", second, data_of("a", value="4"))
    assert gone.value.actual is None


async def test_updates_race_without_losing_one(opened: Open) -> None:
    await opened.create("a", value="")

    async def append(letter: str) -> None:
        def plan(current: Stored) -> Planned:
            return Planned(data_of("a", value=current.record.data["k"] + letter))

        guess = opened.reader.cache.get("default", "a")
        await opened.storage.store.update(CONFIG_MAPS, "configmaps", "default", "a", guess, plan)

    await asyncio.gather(*(append(letter) for letter in "abcdefghijklmnop"))
    value = (await opened.reader.get("default", "a")).record.data["k"]
    assert sorted(value) == list("abcdefghijklmnop")


async def test_a_refusal_counts_only_against_the_truth(opened: Open) -> None:
    first = await opened.create("a", value="1")
    await opened.storage.store.replace("configmaps", first, data_of("a", value="2"))

    def plan(current: Stored) -> Planned:
        if current.record.data["k"] == "1":
            raise errors.Conflict("configmaps", "a", "stale")
        return Planned(data_of("a", value="3"))

    stored, deleted = await opened.storage.store.update(CONFIG_MAPS, "configmaps", "default", "a", first, plan)
    assert (stored.record.data["k"], deleted) == ("3", False)


async def test_a_broken_side_guard_stops_the_transaction(opened: Open) -> None:
    claim = Side(b"/registry/podling.io/serviceips/10.96.0.5", expected=0, value=b"default/a")
    store = opened.storage.store
    await store.create(CONFIG_MAPS, "configmaps", "default", "a", data_of("a"), sides=[claim])
    with pytest.raises(SideConflict):
        await store.create(CONFIG_MAPS, "configmaps", "default", "b", data_of("b"), sides=[claim])
    with pytest.raises(errors.NotFound):
        await opened.reader.get("default", "b")
    current = await opened.reader.get("default", "a")
    await store.delete("configmaps", current, sides=[Side(claim.key, delete=True)])
    await store.create(CONFIG_MAPS, "configmaps", "default", "b", data_of("b"), sides=[claim])


async def test_storages_of_two_segments_have_their_own_objects(opened: Open) -> None:
    store = opened.storage.store
    data = b'{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"default"},"spec":{"ports":[]}}'
    await store.create(SERVICES, "services/specs", "default", "s", data)
    found = await opened.storage.reader(SERVICES).get("default", "s")
    assert found.record.metadata.name == "s"


async def create_event(opened: Open, name: str, ttl_seconds: int) -> None:
    data = codec.encode(Event(metadata=ObjectMeta(name=name, namespace="default")))
    await opened.storage.store.create(EVENTS, "events", "default", name, data, ttl_seconds=ttl_seconds)


async def test_events_share_a_lease(opened: Open) -> None:
    for name in ("e1", "e2"):
        await create_event(opened, name, 3600)
    kvs = (await opened.storage.client.range(b"/registry/events/", b"/registry/events0")).kvs
    assert len(kvs) == 2
    (lease,) = {kv.lease for kv in kvs}
    assert lease != 0


async def test_events_expire(opened: Open) -> None:
    await create_event(opened, "e", 1)
    reader = opened.storage.reader(EVENTS)

    async def gone() -> bool:
        return not (await reader.list("", ListOptions())).items

    await eventually(gone)


class Frames:
    """HTTP/2 as it comes in pieces: an answer is what its DATA frames carry, not the odd acknowledgement."""

    def __init__(self) -> None:
        self._left = b""
        self._inside = 0

    def carry_data(self, piece: bytes) -> bool:
        """Whether a DATA frame begins in the next piece."""
        self._left += piece
        found = False
        while len(self._left) >= self._inside + 9:
            head = self._left[self._inside :]
            found = found or head[3] == 0
            self._left, self._inside = head[9:], int.from_bytes(head[:3], "big")
        return found


class LossyProxy:
    """Between client and etcd; when armed it lets the next request through and loses the answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.armed = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def arm(self) -> None:
        self.armed = True

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
            frames = Frames()
            while data := await source.read(65536):
                if answers and frames.carry_data(data) and self.armed:
                    self.armed = False
                    return
                sink.write(data)
                await sink.drain()

        pumps = [
            asyncio.create_task(pump(reader, upstream_writer, False)),
            asyncio.create_task(pump(upstream_reader, writer, True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in pumps:
                each.cancel()
            writer.close()
            upstream_writer.close()
            self._tasks.discard(task)


@pytest.fixture
async def lossy(etcd: Etcd) -> AsyncIterator[tuple[LossyProxy, Storage]]:
    proxy = LossyProxy(etcd.port)
    storage = Storage(EtcdConfig((await proxy.start(),)), [CONFIG_MAPS])
    yield proxy, storage
    await storage.close()
    await proxy.close()


async def lost(proxy: LossyProxy, write: Callable[[], Awaitable[Stored]]) -> Stored:
    proxy.arm()
    async with asyncio.timeout(DEADLINE):
        outcome = await write()
    assert not proxy.armed, "no answer was lost"
    return outcome


async def test_a_create_whose_answer_was_lost_counts_once(lossy: tuple[LossyProxy, Storage]) -> None:
    proxy, storage = lossy
    await storage.client.revision()
    made = await lost(proxy, lambda: storage.store.create(CONFIG_MAPS, "configmaps", "default", "a", data_of("a")))
    found = await storage.store.read(CONFIG_MAPS, "configmaps", "default", "a")
    assert found is not None
    assert found.revision == made.revision
    (kv,) = (await storage.client.range(b"/registry/configmaps/default/a")).kvs
    assert kv.version == 1


async def test_a_replace_whose_answer_was_lost_counts_once(lossy: tuple[LossyProxy, Storage]) -> None:
    proxy, storage = lossy
    first = await storage.store.create(CONFIG_MAPS, "configmaps", "default", "a", data_of("a"))
    made = await lost(proxy, lambda: storage.store.replace("configmaps", first, data_of("a", value="2")))
    (kv,) = (await storage.client.range(b"/registry/configmaps/default/a")).kvs
    assert (kv.version, kv.mod_revision) == (2, made.revision)


async def test_somebody_elses_object_is_not_taken_for_the_lost_one(
    lossy: tuple[LossyProxy, Storage],
) -> None:
    proxy, storage = lossy
    await storage.store.create(CONFIG_MAPS, "configmaps", "default", "a", data_of("a", uid="theirs"))
    proxy.arm()
    with pytest.raises(errors.AlreadyExists):
        await storage.store.create(CONFIG_MAPS, "configmaps", "default", "a", data_of("a", uid="mine"))
    assert not proxy.armed, "no answer was lost"


async def test_a_write_of_ours_is_found_beneath_later_ones(opened: Open) -> None:
    store = opened.storage.store
    first = await opened.create("a", value="1")
    mine = await store.replace("configmaps", first, data_of("a", value="mine"))
    theirs = await store.replace("configmaps", mine, data_of("a", value="theirs"))
    await store.replace("configmaps", theirs, data_of("a", value="again"))
    key = b"/registry/configmaps/default/a"
    (actual,) = (await opened.storage.client.range(key)).kvs
    assert await store._applied(key, first.revision, data_of("a", value="mine"), actual) == mine.revision
    assert await store._applied(key, first.revision, data_of("a", value="never"), actual) == 0


async def test_without_etcd_the_outcome_is_reported_as_unknown(
    opened: Open, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.storage.store.OUTCOME_SECONDS", 0.3)
    etcd.kill()
    with pytest.raises(errors.Timeout, match="request did not complete within the allotted timeout"):
        await opened.create("a")


async def test_an_oversized_object_gets_etcds_words(opened: Open) -> None:
    with pytest.raises(errors.StatusError, match="etcdserver: request is too large") as refused:
        await opened.create("a", value="x" * 1_700_000)
    assert refused.value.code == 500
