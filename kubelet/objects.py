"""ConfigMaps and Secrets that pods of this node use: read once for many, watched while a volume shows them.

A watch is of a single object by name: more the node authorizer does not allow (upstream: watch-based managers in
pkg/kubelet/util/manager).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from api.errors import NotFound
from api.types import ConfigMap, Secret
from cluster.client import Client
from cluster.informer import Informer
from kubelet.patience import patiently

Kind = type[ConfigMap] | type[Secret]
Key = tuple[Kind, str, str]

# A watch may wait: what was read a moment ago is hardly stale, and most short-lived pods never need one.
WATCH_AFTER_SECONDS = 2.0


@dataclass(slots=True)
class _Watched:
    subscribers: set[Callable[[], None]] = field(default_factory=set)
    informer: Informer[ConfigMap | Secret] | None = None
    task: asyncio.Task[None] | None = None


class ObjectCache:
    """Objects by kind, namespace and name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reads: dict[Key, asyncio.Task[ConfigMap | Secret | None]] = {}
        self._watched: dict[Key, _Watched] = {}

    async def get(self, kind: Kind, namespace: str, name: str) -> ConfigMap | Secret | None:
        """The object, or None when there is none. Raises other StatusErrors."""
        key = (kind, namespace, name)
        watched = self._watched.get(key)
        if watched is not None and watched.informer is not None and watched.informer.synced.is_set():
            return watched.informer.get(namespace, name)
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(self._read(key), name=f"read-{namespace}/{name}")
            read.add_done_callback(lambda done: self._read_ended(key, done))
        # Others may be waiting for the same read: one that gives up must not end it.
        return await asyncio.shield(read)

    def subscribe(self, kind: Kind, namespace: str, name: str, changed: Callable[[], None]) -> None:
        """Call `changed` whenever the object appears, changes or goes, until `unsubscribe`."""
        key = (kind, namespace, name)
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched()
            watched.task = asyncio.create_task(self._watch(key, watched), name=f"watch-{namespace}/{name}")
        watched.subscribers.add(changed)

    def unsubscribe(self, kind: Kind, namespace: str, name: str, changed: Callable[[], None]) -> None:
        key = (kind, namespace, name)
        watched = self._watched.get(key)
        if watched is None:
            return
        watched.subscribers.discard(changed)
        if not watched.subscribers:
            del self._watched[key]
            if watched.task is not None:
                watched.task.cancel()

    async def close(self) -> None:
        """End all watches and reads."""
        watches = (watched.task for watched in self._watched.values())
        tasks = [*(task for task in watches if task is not None), *self._reads.values()]
        self._watched.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _read_ended(self, key: Key, read: asyncio.Task[ConfigMap | Secret | None]) -> None:
        self._reads.pop(key, None)
        if not read.cancelled():
            read.exception()  # told to whoever still waits

    async def _read(self, key: Key) -> ConfigMap | Secret | None:
        kind, namespace, name = key
        return await patiently(lambda: self._get(kind, namespace, name))

    async def _get(self, kind: Kind, namespace: str, name: str) -> ConfigMap | Secret | None:
        try:
            return await self._client.get(kind, name, namespace)
        except NotFound:
            return None

    async def _watch(self, key: Key, watched: _Watched) -> None:
        kind, namespace, name = key
        await asyncio.sleep(WATCH_AFTER_SECONDS)
        selector = f"metadata.name={name}"
        informer: Informer[ConfigMap | Secret] = Informer(
            self._client, kind, namespace=namespace, field_selector=selector
        )
        informer.add_handler(lambda old, new: self._tell(watched))
        watched.informer = informer
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informer.run(), name=f"follow-{namespace}/{name}")
            await informer.synced.wait()
            if informer.get(namespace, name) is None:
                # It may have gone after it was read and before it was watched: no event will ever say so.
                self._tell(watched)

    def _tell(self, watched: _Watched) -> None:
        for changed in tuple(watched.subscribers):
            changed()
