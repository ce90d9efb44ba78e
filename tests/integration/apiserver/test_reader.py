"""Get, list and watch against a real etcd: consistency, pages, expiry, history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from api import errors
from apiserver.requests import ListOptions
from apiserver.storage import reader as reader_module
from apiserver.storage.compaction import Compactor
from apiserver.storage.reader import Reader
from apiserver.stored import Stored
from tests.support.etcd import Etcd
from tests.support.storage import DEADLINE, Open


def names(items: Iterable[Stored]) -> list[str]:
    return [stored.name for stored in items]


async def test_consistent_reads_do_not_wait_for_foreign_writes(opened: Open) -> None:
    """etcd's revision grew outside of our keys: nothing in our watch would ever say so."""
    await opened.create("a")
    await opened.storage.client.put(b"/somebody/else", b"x")
    async with asyncio.timeout(DEADLINE):
        assert (await opened.reader.get("default", "a")).name == "a"


async def test_pages_show_one_state_whatever_happens_meanwhile(opened: Open) -> None:
    for number in range(7):
        await opened.create(f"c{number}")
    first = await opened.reader.list("default", ListOptions(limit=3))
    assert (names(first.items), first.remaining) == (["c0", "c1", "c2"], 4)
    await opened.create("c3a")
    await opened.storage.store.delete("configmaps", await opened.reader.get("default", "c4"))
    second = await opened.reader.list("default", ListOptions(limit=3, continue_token=first.continue_token))
    assert (names(second.items), second.remaining) == (["c3", "c4", "c5"], 1)
    third = await opened.reader.list("default", ListOptions(limit=3, continue_token=second.continue_token))
    assert (names(third.items), third.continue_token, third.remaining) == (["c6"], "", None)
    assert first.revision == second.revision == third.revision


async def test_pages_of_an_unchanged_collection_need_no_etcd(opened: Open, etcd: Etcd) -> None:
    for number in range(5):
        await opened.create(f"c{number}", "other" if number % 2 else "default")
    first = await opened.reader.list("", ListOptions(limit=2))
    etcd.kill()
    second = await opened.reader.list("", ListOptions(limit=2, continue_token=first.continue_token))
    third = await opened.reader.list("", ListOptions(limit=2, continue_token=second.continue_token))
    assert names([*first.items, *second.items, *third.items]) == ["c0", "c2", "c4", "c1", "c3"]


async def test_pages_with_a_selector_are_filled(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "SCAN", 2)
    for number in range(9):
        await opened.create(f"c{number}")
    options = {"field_selector": "metadata.name!=c1", "limit": 3}
    first = await opened.reader.list("default", ListOptions(**options))
    assert first.remaining is None
    await opened.create("d")  # from now on pages come from etcd
    second = await opened.reader.list("default", ListOptions(**options, continue_token=first.continue_token))
    assert names([*first.items, *second.items]) == ["c0", "c2", "c3", "c4", "c5", "c6"]


async def compact(opened: Open) -> None:
    last = await opened.create("last")
    await opened.storage.client.compact(last.revision)


async def test_an_expired_token_offers_to_go_on_inconsistently(opened: Open) -> None:
    for number in range(4):
        await opened.create(f"c{number}")
    first = await opened.reader.list("default", ListOptions(limit=2))
    await compact(opened)
    with pytest.raises(errors.Expired) as expired:
        await opened.reader.list("default", ListOptions(limit=2, continue_token=first.continue_token))
    token = expired.value.to_status()["metadata"]["continue"]
    rest = await opened.reader.list("default", ListOptions(limit=9, continue_token=token))
    assert names(rest.items) == ["c2", "c3", "last"]


async def test_exact_lists_show_the_past_until_it_is_compacted(opened: Open) -> None:
    first = await opened.create("a")
    await opened.create("b")
    exact = ListOptions(resource_version=str(first.revision), resource_version_match="Exact")
    page = await opened.reader.list("default", exact)
    assert (names(page.items), page.revision) == (["a"], first.revision)
    await compact(opened)
    with pytest.raises(errors.Expired, match="The resourceVersion for the provided list is too old"):
        await opened.reader.list("default", exact)


async def test_a_revision_from_the_future_is_waited_for_then_refused(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await opened.create("a")
    waiting = asyncio.create_task(opened.reader.list("default", ListOptions(resource_version=str(made.revision + 1))))
    await asyncio.sleep(0)
    await opened.create("b")
    assert names((await waiting).items) == ["a", "b"]
    monkeypatch.setattr(reader_module, "FRESH_SECONDS", 0.05)
    with pytest.raises(errors.Timeout, match="Too large resource version: 999999, current: "):
        await opened.reader.list("default", ListOptions(resource_version="999999"))
    exact = ListOptions(resource_version="999999", resource_version_match="Exact")
    with pytest.raises(errors.Timeout, match="Too large resource version"):
        await opened.reader.list("default", exact)


async def test_any_revision_is_answered_without_etcd(opened: Open, etcd: Etcd) -> None:
    await opened.create("a")
    await opened.reader.get("default", "a")
    etcd.kill()
    assert (await opened.reader.get("default", "a", "0")).name == "a"
    assert names((await opened.reader.list("", ListOptions(resource_version="0"))).items) == ["a"]


async def events_of(reader: Reader, options: ListOptions, count: int) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(DEADLINE), reader.watch("default", options) as watch:
        async for batch in watch:
            seen += [(event.type, event.stored.name) for event in batch.events]
            if len(seen) >= count:
                return seen
    return seen


async def test_watches_begin_where_they_are_asked_to(opened: Open) -> None:
    first = await opened.create("a")
    await opened.create("b")
    await opened.reader.fresh(None)
    assert await events_of(opened.reader, ListOptions(), 2) == [("ADDED", "a"), ("ADDED", "b")]
    after = ListOptions(resource_version=str(first.revision))
    assert await events_of(opened.reader, after, 1) == [("ADDED", "b")]


async def test_a_watch_list_ends_its_initial_state_with_a_bookmark(opened: Open) -> None:
    await opened.create("a")
    options = ListOptions(send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True)
    async with asyncio.timeout(DEADLINE), opened.reader.watch("default", options) as watch:
        batch = await anext(aiter(watch))
    assert names(event.stored for event in batch.events) == ["a"]
    assert batch.initial_events_end
    assert batch.revision >= batch.events[0].stored.revision


async def test_a_watch_with_a_timeout_ends_quietly(opened: Open) -> None:
    async with asyncio.timeout(DEADLINE), opened.reader.watch("", ListOptions(timeout_seconds=1)) as watch:
        assert [batch async for batch in watch] == []


async def test_a_cache_that_was_cut_off_from_history_starts_anew(opened: Open, etcd: Etcd) -> None:
    """While we are away, our place in history is compacted."""
    await opened.create("a")
    await opened.reader.fresh(None)
    async with opened.reader.watch("default", ListOptions(resource_version="0")) as watch:
        batches = aiter(watch)
        await anext(batches)
        etcd.kill()
        etcd.start()
        # A second server goes on working; ours reconnects too late.
        async with Open(etcd) as other:
            opened.storage.feed._watch._revision = 0  # type: ignore[union-attr]
            for number in range(3):
                await other.create(f"c{number}")
            await compact(other)
            etcd.kill()
            etcd.start()
            with pytest.raises(errors.Expired):
                async with asyncio.timeout(DEADLINE):
                    async for _ in batches:
                        opened.storage.feed._watch._revision = 0  # type: ignore[union-attr]
    async with asyncio.timeout(DEADLINE):
        await opened.reader.fresh(None)
    assert names(opened.reader.cache.items("default")) == ["a", "c0", "c1", "c2", "last"]


async def test_one_of_several_servers_compacts(opened: Open) -> None:
    client, keys = opened.storage.client, opened.storage.keys
    first, second = Compactor(client, keys), Compactor(client, keys)
    old = await opened.create("a")
    for compactor in (first, second, first, second):
        await compactor.round()
    newer = await opened.create("b")
    await opened.create("c")
    for compactor in (first, second, first, second):
        await compactor.round()
    with pytest.raises(errors.Expired):
        exact = ListOptions(resource_version=str(old.revision), resource_version_match="Exact")
        await opened.reader.list("default", exact)
    assert newer.revision


async def test_a_server_alone_reads_its_writes_without_asking_etcd(etcd: Etcd) -> None:
    async with Open(etcd, exclusive=True) as opened:
        for number in range(50):
            made = await opened.create(f"c{number}")
            assert (await opened.reader.get("default", f"c{number}")).revision == made.revision
        with pytest.raises(errors.AlreadyExists):
            await opened.create("c0", value="other")
        etcd.kill()
        assert len((await opened.reader.list("default", ListOptions())).items) == 50


async def test_a_server_that_is_not_alone_after_all_asks_etcd_again(
    etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.storage.authorship.ANSWER_SECONDS", 0.0)
    async with Open(etcd, exclusive=True) as opened, Open(etcd) as other:
        await other.create("theirs")
        await opened.reader.get("default", "theirs", str((await other.create("more")).revision))
        for number in range(20):
            await other.create(f"c{number}")
            assert (await opened.reader.get("default", f"c{number}")).name == f"c{number}"
