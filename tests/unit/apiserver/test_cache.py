"""The watch cache: sorted lists, history, and what each watcher sees."""

from __future__ import annotations

import asyncio

import pytest

from api import scheme
from api.errors import Expired
from apiserver.storage import cache as cache_module
from apiserver.storage.cache import ResourceCache
from apiserver.storage.selection import Selection
from apiserver.storage.watcher import Watcher
from apiserver.stored import Batch, Stored

PODS = scheme.find("pods")
NODES = scheme.find("nodes")


def pod(name: str, revision: int, namespace: str = "default", *, node: str = "", labels: str = "{}") -> Stored:
    data = (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{{"resourceVersion":"{revision}","name":"{name}",'
        f'"namespace":"{namespace}","uid":"u-{name}","labels":{labels}}},'
        f'"spec":{{"nodeName":"{node}"}},"status":{{"phase":"Pending"}}}}'
    )
    return Stored(PODS, namespace, name, revision, data.encode())


class Seen:
    """A watcher's client: what it would have received so far."""

    def __init__(self, cache: ResourceCache, *, after: int = 0, limit: int = 100, **selection: str) -> None:
        self.watcher = Watcher(Selection(PODS, **selection), after, lambda: cache.changed, bookmarks=True, limit=limit)
        self.cache = cache

    def watch(self, *, initial: bool = False, after: int = 0, mark_end: bool = False) -> Seen:
        self.cache.watch(self.watcher, initial=initial, mark_end=mark_end, after=after)
        return self

    async def batch(self) -> Batch:
        async with asyncio.timeout(60):
            return await anext(aiter(self.watcher.batches()))

    async def events(self) -> list[tuple[str, str, int]]:
        return [(e.type, e.stored.name, e.stored.revision) for e in (await self.batch()).events]


@pytest.fixture
def cache() -> ResourceCache:
    cache = ResourceCache(PODS)
    cache.load([pod("b", 3), pod("a", 4), pod("c", 2, "other")], 10)
    return cache


def names(items: list[Stored]) -> list[str]:
    return [f"{stored.namespace}/{stored.name}" for stored in items]


def test_items_are_in_key_order_whatever_the_order_of_writes(cache: ResourceCache) -> None:
    cache.put(pod("aa", 11), 0)
    cache.put(pod("z", 12, "apart"), 0)
    assert names(cache.items()) == ["apart/z", "default/a", "default/aa", "default/b", "other/c"]
    assert names(cache.items("default")) == ["default/a", "default/aa", "default/b"]
    assert names(cache.items("defaul")) == []


def test_a_namespace_that_is_the_prefix_of_another_keeps_its_own_objects(cache: ResourceCache) -> None:
    cache.put(pod("x", 11, "default-two"), 0)
    assert names(cache.items("default")) == ["default/a", "default/b"]


def test_put_replaces_and_delete_removes(cache: ResourceCache) -> None:
    cache.put(pod("a", 11), 0)
    assert cache.get("default", "a").revision == 11
    cache.delete("default", "a", 12, 0)
    assert cache.get("default", "a") is None
    assert names(cache.items("default")) == ["default/b"]
    assert cache.changed == 12


def test_deleting_what_is_not_there_changes_nothing(cache: ResourceCache) -> None:
    cache.delete("default", "nobody", 99, 0)
    assert cache.changed == 10


def test_the_node_index_follows_binding_and_deletion(cache: ResourceCache) -> None:
    cache.put(pod("a", 11, node="n1"), 0)
    assert [stored.name for stored in cache.with_index("n1")] == ["a"]
    cache.delete("default", "a", 12, 0)
    assert list(cache.with_index("n1")) == []


async def test_a_watcher_sees_changes_of_its_scope_only(cache: ResourceCache) -> None:
    everywhere = Seen(cache).watch()
    namespaced = Seen(cache, namespace="default").watch()
    one = Seen(cache, namespace="default", name="a").watch()
    cache.put(pod("a", 11), 0)
    cache.put(pod("c", 12, "other"), 0)
    cache.put(pod("n", 13), 0)
    assert await everywhere.events() == [("MODIFIED", "a", 11), ("MODIFIED", "c", 12), ("ADDED", "n", 13)]
    assert await namespaced.events() == [("MODIFIED", "a", 11), ("ADDED", "n", 13)]
    assert await one.events() == [("MODIFIED", "a", 11)]


async def test_entering_and_leaving_a_label_selector_is_added_and_deleted(cache: ResourceCache) -> None:
    seen = Seen(cache, labels="app=web").watch()
    cache.put(pod("a", 11, labels='{"app":"web"}'), 0)
    cache.put(pod("a", 12, labels='{"app":"web","x":"y"}'), 0)
    cache.put(pod("a", 13, labels='{"app":"db"}'), 0)
    cache.put(pod("a", 14), 0)
    assert await seen.events() == [("ADDED", "a", 11), ("MODIFIED", "a", 12), ("DELETED", "a", 13)]


async def test_a_deleted_event_shows_the_last_state_seen_at_the_revision_of_the_change(
    cache: ResourceCache,
) -> None:
    seen = Seen(cache, labels="app=web").watch()
    cache.put(pod("a", 11, labels='{"app":"web"}'), 0)
    cache.put(pod("a", 13, labels='{"app":"db"}'), 0)
    deleted = (await seen.batch()).events[1].stored
    assert deleted.labels == {"app": "web"}
    assert b'"resourceVersion":"13"' in deleted.data


async def test_binding_to_a_node_is_an_addition_for_the_nodes_watcher(cache: ResourceCache) -> None:
    seen = Seen(cache, fields="spec.nodeName=n1").watch()
    other = Seen(cache, fields="spec.nodeName=n2").watch()
    cache.put(pod("a", 11, node="n1"), 0)
    cache.put(pod("a", 12, node="n1"), 0)
    cache.delete("default", "a", 13, 0)
    assert await seen.events() == [("ADDED", "a", 11), ("MODIFIED", "a", 12), ("DELETED", "a", 13)]
    assert not other.watcher._pending


async def test_a_nodes_watcher_in_one_namespace_sees_that_namespace_only(cache: ResourceCache) -> None:
    seen = Seen(cache, namespace="other", fields="spec.nodeName=n1").watch()
    cache.put(pod("a", 11, node="n1"), 0)
    cache.put(pod("c", 12, "other", node="n1"), 0)
    assert await seen.events() == [("ADDED", "c", 12)]


async def test_a_name_without_namespace_is_watched_in_all_namespaces(cache: ResourceCache) -> None:
    seen = Seen(cache, fields="metadata.name=c").watch()
    cache.put(pod("a", 11), 0)
    cache.put(pod("c", 12, "other"), 0)
    cache.put(pod("c", 13), 0)
    assert await seen.events() == [("MODIFIED", "c", 12), ("ADDED", "c", 13)]


async def test_a_watch_from_a_past_revision_replays_what_came_after(cache: ResourceCache) -> None:
    for revision in (11, 12, 13):
        cache.put(pod("a", revision), 0)
    cache.put(pod("c", 14, "other"), 0)
    seen = Seen(cache, after=11, namespace="default").watch(after=11)
    assert await seen.events() == [("MODIFIED", "a", 12), ("MODIFIED", "a", 13)]


async def test_the_initial_state_comes_first_and_its_end_is_marked(cache: ResourceCache) -> None:
    seen = Seen(cache).watch(initial=True, mark_end=True)
    first = await seen.batch()
    assert [(e.type, e.stored.name) for e in first.events] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
    assert first.initial_events_end
    assert first.bookmark
    cache.put(pod("a", 11), 0)
    second = await seen.batch()
    assert not second.initial_events_end
    assert not second.bookmark


def test_history_before_the_load_is_too_old(cache: ResourceCache) -> None:
    cache.check_history(10)
    with pytest.raises(Expired, match=r"^too old resource version: 9 \(10\)$"):
        cache.check_history(9)


def test_history_is_bounded_by_count(cache: ResourceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "HISTORY_EVENTS", 3)
    for revision in range(11, 16):
        cache.put(pod("a", revision), 0)
    cache.check_history(12)
    with pytest.raises(Expired, match=r"too old resource version: 11 \(12\)"):
        cache.check_history(11)


def test_history_is_bounded_by_bytes(cache: ResourceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(pod("a", 11).data)
    monkeypatch.setattr(cache_module, "HISTORY_BYTES", 2 * size)
    for revision in range(11, 20):
        cache.put(pod("a", revision), 0)
    with pytest.raises(Expired):
        cache.check_history(15)
    cache.check_history(17)


def test_history_is_bounded_by_age(cache: ResourceCache) -> None:
    cache.put(pod("a", 11), 100)
    cache.put(pod("a", 12), 200)
    cache.trim(100 + cache_module.HISTORY_SECONDS + 1)
    with pytest.raises(Expired):
        cache.check_history(10)
    cache.check_history(11)


async def test_a_watcher_that_falls_behind_is_cut(cache: ResourceCache) -> None:
    seen = Seen(cache, limit=2).watch()
    for revision in (11, 12, 13):
        cache.put(pod("a", revision), 0)
    with pytest.raises(Expired):
        await seen.batch()


async def test_loading_anew_cuts_watchers_and_tells_listeners_the_differences(cache: ResourceCache) -> None:
    seen = Seen(cache).watch()
    told: list[tuple[str | None, str | None]] = []
    cache.on_change(lambda old, new: told.append((old and old.name, new and new.name)))
    cache.load([pod("a", 4), pod("b", 20), pod("d", 21)], 30)
    assert sorted(told, key=str) == sorted([("b", "b"), ("c", None), (None, "d")], key=str)
    with pytest.raises(Expired):
        await seen.batch()


async def test_bookmarks_carry_the_caches_revision(cache: ResourceCache) -> None:
    seen = Seen(cache).watch()
    cache.watchers.bookmark()
    batch = await seen.batch()
    assert (batch.bookmark, batch.revision, list(batch.events)) == (True, 10, [])


async def test_an_ended_watch_delivers_what_was_queued_then_stops(cache: ResourceCache) -> None:
    seen = Seen(cache).watch()
    cache.put(pod("a", 11), 0)
    cache.watchers.end_all()
    cache.put(pod("a", 12), 0)
    async with asyncio.timeout(60):
        batches = [batch async for batch in seen.watcher.batches()]
    assert [[e.stored.revision for e in batch.events] for batch in batches] == [[11]]


def test_removed_watchers_leave_nothing_behind(cache: ResourceCache) -> None:
    seen = [
        Seen(cache).watch(),
        Seen(cache, namespace="default").watch(),
        Seen(cache, namespace="default", name="a").watch(),
        Seen(cache, fields="spec.nodeName=n1").watch(),
    ]
    assert len(cache.watchers) == 4
    for each in seen:
        cache.watchers.remove(each.watcher)
        cache.watchers.remove(each.watcher)
    assert len(cache.watchers) == 0
    assert list(cache.watchers) == []


def test_events_are_shared_between_watchers(cache: ResourceCache) -> None:
    first, second = Seen(cache).watch(), Seen(cache, namespace="default").watch()
    cache.put(pod("a", 11), 0)
    assert first.watcher._pending[0] is second.watcher._pending[0]


def test_joined_text_is_reused_until_something_changes(cache: ResourceCache) -> None:
    first = cache.joined("", 10, cache.items())
    assert first == b",".join(stored.data for stored in cache.items())
    assert cache.joined("", 11, cache.items()) is first
    cache.put(pod("a", 12), 0)
    assert cache.joined("", 12, cache.items()) is not first
    assert b'"resourceVersion":"12"' in cache.joined("", 12, cache.items())


def test_joined_text_of_one_namespace_is_not_that_of_another(cache: ResourceCache) -> None:
    everything = cache.joined("", 10, cache.items())
    other = cache.joined("other", 10, cache.items("other"))
    assert other != everything
    assert other == cache.items("other")[0].data


def test_select_by_field_and_label(cache: ResourceCache) -> None:
    cache.put(pod("a", 11, node="n1", labels='{"app":"web"}'), 0)
    assert names(cache.select(Selection(PODS, fields="spec.nodeName=n1"))) == ["default/a"]
    assert names(cache.select(Selection(PODS, fields="spec.nodeName!=n1"))) == ["default/b", "other/c"]
    assert names(cache.select(Selection(PODS, labels="app"))) == ["default/a"]
    assert names(cache.select(Selection(PODS, fields="metadata.name=c"))) == ["other/c"]
    assert names(cache.select(Selection(PODS, "default", fields="metadata.namespace=other"))) == []
    assert names(cache.select(Selection(PODS, fields="spec.nodeName=n1,status.phase=Running"))) == []
