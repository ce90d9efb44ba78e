"""The thin etcd client against a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apiserver.etcd.client import EtcdClient, prefix_end
from apiserver.etcd.config import EtcdConfig
from apiserver.etcd.errors import Compacted, FutureRevision, RequestTooLarge, Uncertain
from apiserver.etcd.watch import EtcdWatch
from apiserver.storage import transactions
from tests.support.apiserver import Authority
from tests.support.etcd import Etcd
from tests.support.polling import eventually
from tests.support.ports import free_port

PREFIX = b"/t/"


@pytest.fixture
async def client(etcd: Etcd) -> AsyncIterator[EtcdClient]:
    client = EtcdClient(EtcdConfig((etcd.endpoint,)))
    yield client
    await client.close()


async def collect(watch: EtcdWatch, count: int) -> list[tuple[str, bytes, int]]:
    seen: list[tuple[str, bytes, int]] = []
    async with asyncio.timeout(60):
        async for batch in watch.batches():
            for event in batch.events:
                seen.append(("DELETE" if event.type else "PUT", event.kv.key, event.kv.mod_revision))
            if len(seen) >= count:
                break
    return seen


async def test_guarded_put_refuses_a_second_writer(client: EtcdClient) -> None:
    first = await client.txn(transactions.put(b"/t/a", 0, b"1"))
    second = await client.txn(transactions.put(b"/t/a", 0, b"2"))
    assert first.succeeded
    assert not second.succeeded
    assert transactions.found(second).value == b"1"
    third = await client.txn(transactions.put(b"/t/a", first.header.revision, b"2"))
    assert third.succeeded


async def test_range_reads_past_revisions_until_they_are_compacted(client: EtcdClient) -> None:
    first = await client.put(b"/t/a", b"1")
    second = await client.put(b"/t/a", b"2")
    assert (await client.range(b"/t/a", revision=first)).kvs[0].value == b"1"
    await client.compact(second)
    with pytest.raises(Compacted):
        await client.range(b"/t/a", revision=first)
    with pytest.raises(FutureRevision):
        await client.range(b"/t/a", revision=second + 100)


async def test_oversized_put_is_refused(client: EtcdClient) -> None:
    with pytest.raises(RequestTooLarge, match="request is too large"):
        await client.put(b"/t/a", b"x" * 1_700_000)


async def test_watch_shows_changes_after_its_revision_in_order(client: EtcdClient) -> None:
    before = await client.put(b"/t/old", b"")
    created = await client.put(b"/t/a", b"1")
    await client.put(b"/u/other", b"1")
    changed = await client.put(b"/t/a", b"2")
    deleted = await client.txn(transactions.delete(b"/t/a", changed))
    seen = await collect(EtcdWatch(client, PREFIX, prefix_end(PREFIX), before), 3)
    assert seen == [
        ("PUT", b"/t/a", created),
        ("PUT", b"/t/a", changed),
        ("DELETE", b"/t/a", deleted.header.revision),
    ]


async def test_watch_of_much_history_loses_and_repeats_nothing(client: EtcdClient) -> None:
    """More than etcd sends in one response, so that its header runs ahead of the events."""
    start = await client.revision()
    revisions: list[int] = []
    for first in range(0, 2500, 250):
        revisions += await asyncio.gather(*(client.put(b"/t/%d" % i, b"x" * 3000) for i in range(first, first + 250)))
    seen = await collect(EtcdWatch(client, PREFIX, prefix_end(PREFIX), start), 2500)
    assert [revision for _, _, revision in seen] == sorted(revisions)


async def test_watch_resumes_after_etcd_was_killed(client: EtcdClient, etcd: Etcd) -> None:
    start = await client.revision()
    watch = EtcdWatch(client, PREFIX, prefix_end(PREFIX), start)
    seen = asyncio.create_task(collect(watch, 3))
    await client.put(b"/t/a", b"1")

    async def connected() -> bool:
        return watch.connected

    await eventually(connected)
    etcd.kill()
    with pytest.raises(Uncertain):
        await client.put(b"/t/lost", b"")
    etcd.start()

    async def answers() -> bool:
        try:
            return await client.revision() > 0
        except Uncertain:
            return False

    await eventually(answers)
    for key in (b"/t/b", b"/t/c"):
        await client.put(key, b"1")
    assert [key for _, key, _ in await seen] == [b"/t/a", b"/t/b", b"/t/c"]


async def test_watch_from_a_compacted_revision_says_so(client: EtcdClient) -> None:
    start = await client.put(b"/t/a", b"1")
    for _ in range(3):
        last = await client.put(b"/t/a", b"2")
    await client.compact(last)
    with pytest.raises(Compacted):
        await collect(EtcdWatch(client, PREFIX, prefix_end(PREFIX), start), 1)


async def test_a_dead_endpoint_is_passed_over(etcd: Etcd) -> None:
    client = EtcdClient(EtcdConfig((f"127.0.0.1:{free_port()}", etcd.endpoint)))
    try:
        with pytest.raises(Uncertain):
            await client.revision()
        assert await client.revision() >= 1
    finally:
        await client.close()


async def test_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    authority.issue("etcd", "etcd", sans=("127.0.0.1",))
    ca_file, cert_file, key_file = (tmp_path / "pki" / name for name in ("ca.crt", "admin.crt", "admin.key"))
    etcd = Etcd(tmp_path, tmp_path / "pki")
    etcd.start()
    trusted = EtcdClient(EtcdConfig((etcd.endpoint,), ca_file, cert_file, key_file))
    stranger = EtcdClient(EtcdConfig((etcd.endpoint,), ca_file))
    try:
        assert await trusted.put(b"/t/a", b"1") > 1
        with pytest.raises(Uncertain):
            await stranger.revision()
    finally:
        await trusted.close()
        await stranger.close()
        etcd.kill()
