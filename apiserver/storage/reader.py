"""Get, list and watch with upstream's meaning of `resourceVersion`, answered from the caches.

Only lists at a past revision (pages of a changed collection, `Exact`) read etcd.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from api import codec, errors
from apiserver.etcd.client import EtcdClient, prefix_end
from apiserver.etcd.errors import Compacted, EtcdError, FutureRevision
from apiserver.requests import ListOptions
from apiserver.storage import continuation, list_rules
from apiserver.storage.cache import ResourceCache
from apiserver.storage.feed import Feed
from apiserver.storage.keys import Keys, object_key, split_object_key
from apiserver.storage.metrics import watch_events_total
from apiserver.storage.selection import Selection
from apiserver.storage.store import status_of
from apiserver.storage.watcher import Watcher
from apiserver.stored import Batch, Page, Stored
from cluster.pb import etcd_pb2 as pb

# How long a request for a revision that is not there yet may wait (upstream's blockTimeout).
FRESH_SECONDS = 3.0
# Objects read from etcd at a time when a selector may drop many of them.
SCAN = 1_000


class Reader:
    """Reads one resource. `storage` is its place in etcd (`keys.storage_of`)."""

    def __init__(self, feed: Feed, client: EtcdClient, keys: Keys, cache: ResourceCache, storage: str) -> None:
        self.cache = cache
        self.feed = feed
        self._client = client
        self._keys = keys
        self._storage = storage
        resource = cache.resource
        self.sent = watch_events_total.labels(resource.group, resource.version, resource.kind).inc

    async def get(self, namespace: str, name: str, resource_version: str = "") -> Stored:
        """Raises `NotFound`, `Timeout`, `BadRequest`."""
        await self.fresh(list_rules.parse_resource_version(resource_version) if resource_version else None)
        found = self.cache.get(namespace, name)
        if found is None:
            raise errors.NotFound(self.cache.resource.group_resource, name)
        return found

    async def list(self, namespace: str, options: ListOptions) -> Page:
        """Raises `BadRequest`, `Invalid`, `Expired`, `Timeout`."""
        list_rules.check_list(options)
        selection = selection_of(self.cache, namespace, options)
        if options.continue_token:
            return await self._next_page(selection, options)
        revision = list_rules.parse_resource_version(options.resource_version)
        if revision and list_rules.is_exact(options, revision):
            return await self._exact(selection, options.limit, revision)
        await self.fresh(revision)
        return self._from_cache(selection, options.limit, self.feed.revision)

    def watch(self, namespace: str, options: ListOptions) -> CacheWatch:
        return CacheWatch(self, namespace, options)

    async def fresh(self, revision: int | None) -> None:
        """Wait until the cache may answer: None for consistent, 0 for at once, else not older than `revision`."""
        if revision is None:
            try:
                await self.feed.consistent()
            except TimeoutError:
                raise errors.Timeout("request did not complete within the allotted timeout") from None
            except EtcdError as error:
                raise status_of(error) from error
        elif revision > self.feed.revision:
            try:
                await self.feed.reached(revision, FRESH_SECONDS)
            except TimeoutError:
                raise errors.too_large_resource_version(revision, self.feed.revision) from None

    def _from_cache(self, selection: Selection, limit: int, revision: int, start: str = "") -> Page:
        """A page of the present state, reported as that of `revision`."""
        items: Sequence[Stored] = self.cache.select(selection)
        if start:
            prefix = f"{selection.namespace}/" if selection.namespace else ""
            items = items[bisect_left(items, prefix + start, key=_key) :]
        if limit and len(items) > limit:
            return self._cut(selection, items[:limit], revision, len(items) - limit)
        if selection.everything and not start and not selection.key:
            join = partial(self.cache.joined, selection.namespace, revision, items)
            return Page(items, revision, join=join)
        return Page(items, revision)

    def _cut(self, selection: Selection, items: Sequence[Stored], revision: int, remaining: int) -> Page:
        last = items[-1]
        after = last.name if selection.namespace else object_key(last.namespace, last.name)
        token = continuation.encode(revision, after + "\0")
        return Page(items, revision, token, remaining if selection.everything else None)

    async def _next_page(self, selection: Selection, options: ListOptions) -> Page:
        revision, start = continuation.decode(options.continue_token)
        if revision == continuation.INCONSISTENT:
            await self.fresh(None)
            return self._from_cache(selection, options.limit, self.feed.revision, start)
        try:
            return await self._at(selection, options.limit, revision, start)
        except Compacted:
            raise continuation.ContinueExpired(start) from None

    async def _exact(self, selection: Selection, limit: int, revision: int) -> Page:
        await self.fresh(revision)
        try:
            return await self._at(selection, limit, revision, "")
        except Compacted:
            raise errors.Expired("The resourceVersion for the provided list is too old.") from None

    async def _at(self, selection: Selection, limit: int, revision: int, start: str) -> Page:
        """A page as of `revision`; raises `Compacted`."""
        if self.cache.changed <= revision <= self.feed.revision:
            return self._from_cache(selection, limit, revision, start)
        prefix = self._keys.collection(self._storage, selection.namespace)
        key, end = prefix + start.encode(), prefix_end(prefix)
        items: list[Stored] = []
        while True:
            wanted = limit if limit and selection.everything else SCAN
            response = await self._range(key, end, wanted, revision)
            for position, kv in enumerate(response.kvs):
                stored = self._stored(kv.key, kv.mod_revision, kv.value)
                if selection.in_scope(stored) and selection.matches(stored):
                    items.append(stored)
                if limit and len(items) == limit:
                    remaining = response.count - position - 1
                    return self._cut(selection, items, revision, remaining) if remaining else Page(items, revision)
            if not response.more:
                return Page(items, revision)
            key = response.kvs[-1].key + b"\0"

    async def _range(self, key: bytes, end: bytes, limit: int, revision: int) -> pb.RangeResponse:
        try:
            return await self._client.range(key, end, limit=limit, revision=revision)
        except Compacted:
            raise
        except FutureRevision:
            raise errors.too_large_resource_version(revision, self.feed.revision) from None
        except EtcdError as error:
            raise status_of(error) from error

    def _stored(self, key: bytes, revision: int, data: bytes) -> Stored:
        prefix = self._keys.collection(self._storage)
        namespace, name = split_object_key(key[len(prefix) :].decode())
        return Stored(self.cache.resource, namespace, name, revision, codec.with_resource_version(data, revision))


class CacheWatch:
    """`apiserver.requests.Watch` over a cache: registers on entering, deregisters on leaving."""

    def __init__(self, reader: Reader, namespace: str, options: ListOptions) -> None:
        self._reader = reader
        self._namespace = namespace
        self._options = options
        self._watcher: Watcher | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        options, reader = self._options, self._reader
        list_rules.check_watch(options)
        revision = list_rules.parse_resource_version(options.resource_version)
        selection = selection_of(reader.cache, self._namespace, options)
        # Without a revision to start after, the present state comes first unless it is declined.
        initial = options.send_initial_events
        if initial is None:
            initial = not revision
        if initial or not revision:
            await reader.fresh(revision)
            after = reader.feed.revision
        else:
            after = revision
            reader.cache.check_history(after)
        watcher = Watcher(
            selection,
            after,
            lambda: max(reader.feed.revision, after),
            bookmarks=options.allow_watch_bookmarks,
            sent=reader.sent,
        )
        mark_end = bool(options.send_initial_events) and options.allow_watch_bookmarks
        reader.cache.watch(watcher, initial=initial, mark_end=mark_end, after=after)
        self._watcher = watcher
        if options.timeout_seconds:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(options.timeout_seconds, watcher.end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._reader.cache.watchers.remove(self._watcher)

    def __aiter__(self) -> AsyncIterator[Batch]:
        if self._watcher is None:
            raise RuntimeError("the watch has not been entered")
        return self._watcher.batches()


def selection_of(cache: ResourceCache, namespace: str, options: ListOptions) -> Selection:
    return Selection(cache.resource, namespace, options.name, options.label_selector, options.field_selector)


def _key(stored: Stored) -> str:
    return object_key(stored.namespace, stored.name)
