"""Everything between the registry and etcd, put together: client, store, caches, feed, compaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.scheme import Resource
from apiserver.etcd.client import EtcdClient
from apiserver.etcd.config import EtcdConfig
from apiserver.storage.authorship import Authorship
from apiserver.storage.cache import ResourceCache
from apiserver.storage.compaction import Compactor
from apiserver.storage.feed import Feed
from apiserver.storage.keys import DEFAULT_PREFIX, Keys, storage_of
from apiserver.storage.reader import Reader
from apiserver.storage.store import Store


class Storage:
    """`resources` are those that are stored; `exclusive` says that nobody else writes to this etcd.

    Raises OSError when a PEM file cannot be read.
    """

    def __init__(
        self,
        config: EtcdConfig,
        resources: Iterable[Resource],
        prefix: str = DEFAULT_PREFIX,
        *,
        exclusive: bool = False,
    ) -> None:
        self.client = EtcdClient(config)
        self.keys = Keys(prefix)
        authorship = Authorship() if exclusive else None
        self.store = Store(self.client, self.keys, authorship)
        self._caches = {resource.group_resource: ResourceCache(resource) for resource in resources}
        by_storage = {storage_of(cache.resource): cache for cache in self._caches.values()}
        self.feed = Feed(self.client, self.keys, by_storage, authorship)
        self.compactor = Compactor(self.client, self.keys)

    @property
    def caches(self) -> Mapping[str, ResourceCache]:
        """By `Resource.group_resource`."""
        return self._caches

    def reader(self, resource: Resource) -> Reader:
        cache = self._caches[resource.group_resource]
        return Reader(self.feed, self.client, self.keys, cache, storage_of(resource))

    def end_watches(self) -> None:
        """Let every open watch end once its client has what is queued for it."""
        for cache in self._caches.values():
            cache.watchers.end_all()

    async def close(self) -> None:
        await self.feed.close()
        await self.client.close()
