"""Keeps the caches in step with etcd: one list of everything, then one watch of everything.

A single ordered stream means that one revision says how far *all* caches have come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from api import codec
from apiserver.etcd.client import EtcdClient
from apiserver.etcd.errors import Compacted, EtcdError, Uncertain
from apiserver.etcd.watch import EtcdWatch
from apiserver.storage.authorship import Authorship
from apiserver.storage.barrier import Barrier
from apiserver.storage.cache import ResourceCache
from apiserver.storage.keys import Keys, split_object_key
from apiserver.storage.progress import Progress
from apiserver.stored import Stored
from cluster.logs import get_logger

PAGE = 1_000
BOOKMARK_SECONDS = 60.0
# A consistent read waits this long for etcd and the caches before it gives up.
CONSISTENT_SECONDS = 10.0
# After this silence the caches ask whether etcd's revision grew outside of their keys.
NUDGE_SECONDS = 0.1

log = get_logger()


class Feed:
    """`caches` by storage (`keys.storage_of`).

    `authorship` is given when this server has etcd to itself: consistent reads then wait for what it has
    acknowledged, and etcd is asked only once somebody else turns out to write.
    """

    def __init__(
        self,
        client: EtcdClient,
        keys: Keys,
        caches: Mapping[str, ResourceCache],
        authorship: Authorship | None = None,
    ) -> None:
        self._client = client
        self._keys = keys
        self._caches = {storage.encode(): cache for storage, cache in caches.items()}
        self._barrier = Barrier(client.revision)
        self._progress = Progress()
        self._authorship = authorship
        self._watch: EtcdWatch | None = None
        # etcd itself deletes these when their lease ends.
        self._expiring = keys.collection("events")
        # Reads that wait for a revision etcd has; while there are any, silence is suspicious.
        self._waiting_reads = 0
        self._nudge: asyncio.TimerHandle | None = None
        self._nudging: asyncio.Task[None] | None = None

    @property
    def revision(self) -> int:
        """Every change up to here is in the caches."""
        return self._progress.revision

    @property
    def connected(self) -> bool:
        return self._watch is not None and self._watch.connected

    async def load(self) -> None:
        """Fill the caches with the present state. Raises `EtcdError`."""
        objects: dict[bytes, list[Stored]] = {storage: [] for storage in self._caches}
        start, revision = self._keys.root, 0
        while True:
            page = await self._client.range(start, self._keys.root_end, limit=PAGE, revision=revision)
            revision = revision or page.header.revision
            for kv in page.kvs:
                storage, key = self._keys.split(kv.key, self._caches)
                stored = self._stored(self._caches[storage], key, kv) if storage in objects else None
                if stored is not None:
                    objects[storage].append(stored)
            if not page.more:
                break
            start = page.kvs[-1].key + b"\0"
        for storage, cache in self._caches.items():
            cache.load(objects[storage], revision)
        self._progress.advance(revision)

    async def run(self) -> None:
        """Follow etcd for ever; after a compaction that outran us, load anew."""
        while True:
            self._watch = EtcdWatch(self._client, self._keys.root, self._keys.root_end, self.revision)
            try:
                async for batch in self._watch.batches():
                    self._apply(batch.events)
                    self._progress.advance(batch.revision)
            except Compacted:
                if self._authorship is not None:
                    self._authorship.start_over()
                log.warning("past changes were compacted away, loading anew", revision=self.revision)
                await self._reload()

    async def tick(self) -> None:
        """Send bookmarks and forget old history, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BOOKMARK_SECONDS)
            for cache in self._caches.values():
                cache.watchers.bookmark()
                cache.trim(loop.time())

    async def consistent(self) -> None:
        """Wait until the caches hold everything acknowledged before this call.

        Raises TimeoutError when they do not get there in time, `EtcdError` when etcd cannot be asked.
        """
        authorship = self._authorship
        if authorship is not None and authorship.alone(asyncio.get_running_loop().time()):
            revision = authorship.latest
        else:
            try:
                revision = await self._barrier.revision()
            except Uncertain:
                revision = await self._revision_in_the_end()
        if self._progress.revision >= revision:
            return
        self._waiting_reads += 1
        self._arm_nudge()
        try:
            await self._progress.reached(revision, CONSISTENT_SECONDS)
        finally:
            self._waiting_reads -= 1

    async def reached(self, revision: int, timeout_seconds: float) -> None:
        """Wait until the caches hold `revision`, which may not exist. Raises TimeoutError."""
        await self._progress.reached(revision, timeout_seconds)

    async def close(self) -> None:
        """Stop asking etcd."""
        if self._nudge is not None:
            self._nudge.cancel()
        if self._nudging is not None:
            self._nudging.cancel()
            await asyncio.wait([self._nudging])
        await self._barrier.close()

    async def _revision_in_the_end(self) -> int:
        """A read may be asked again: etcd is restarting, or another member takes over."""
        deadline = asyncio.get_running_loop().time() + CONSISTENT_SECONDS
        while True:
            await asyncio.sleep(NUDGE_SECONDS)
            try:
                return await self._barrier.revision()
            except Uncertain:
                if asyncio.get_running_loop().time() > deadline:
                    raise

    def _apply(self, events: Iterable[Any]) -> None:
        now = asyncio.get_running_loop().time()
        for event in events:
            kv = event.kv
            storage, key = self._keys.split(kv.key, self._caches)
            cache = self._caches.get(storage)
            if cache is None:
                continue
            if self._authorship is not None and not (event.type and kv.key.startswith(self._expiring)):
                self._attribute(kv.mod_revision, now)
            if event.type:
                cache.delete(*split_object_key(key), kv.mod_revision, now)
            elif (stored := self._stored(cache, key, kv)) is not None:
                cache.put(stored, now)

    def _attribute(self, revision: int, now: float) -> None:
        """Keep account of whose change this is."""
        if self._authorship is not None and not self._authorship.saw(revision, now):
            log.warning("somebody else seems to write to etcd: consistent reads ask it for a while", revision=revision)

    def _stored(self, cache: ResourceCache, key: str, kv: Any) -> Stored | None:
        """The object of a key; None for what is no object: somebody else wrote it, and everything else must go on."""
        namespace, name = split_object_key(key)
        try:
            data = codec.with_resource_version(kv.value, kv.mod_revision)
        except ValueError:
            log.error("found something in etcd that is no object", key=kv.key.decode(errors="replace"))
            return None
        return Stored(cache.resource, namespace, name, kv.mod_revision, data)

    async def _reload(self) -> None:
        while True:
            try:
                await self.load()
                return
            except Uncertain as error:
                log.warning("could not load from etcd, trying again", reason=str(error))
                await asyncio.sleep(NUDGE_SECONDS)

    def _arm_nudge(self) -> None:
        if self._nudge is None and self._waiting_reads:
            self._nudge = asyncio.get_running_loop().call_later(NUDGE_SECONDS, self._start_nudge)

    def _start_nudge(self) -> None:
        self._nudge = None
        if self._waiting_reads and (self._nudging is None or self._nudging.done()):
            self._nudging = asyncio.create_task(self._send_nudge(), name="watch-nudge")

    async def _send_nudge(self) -> None:
        """Write a key that the watch sees, so that it reports a revision that grew outside of our keys.

        etcd's progress requests would not cost a write, but before 3.4.25 and 3.5.8 their answers can
        overtake events (etcd issue 15220).
        """
        try:
            await self._client.put(self._keys.progress, b"")
        except EtcdError as error:
            log.warning("could not write to etcd", reason=str(error))
        self._arm_nudge()
