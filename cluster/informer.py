"""A local, always current copy of a collection: list, then watch, for ever.

Behaviour: client-go's reflector and shared informer, as a small state machine: empty → list → watching;
a broken watch resumes where it was; an expired one lists again and swaps the new state in at once, telling handlers
only of what differs. `synced` means the first items were handed to the handlers.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from api import errors
from api.types.record import Record
from cluster.client import Client, EventType, WatchBatch
from cluster.logs import get_logger

T = TypeVar("T", bound=Record)
Handler = Callable[[T | None, T | None], None]
IndexFunction = Callable[[T], Iterable[Hashable]]
ObjectKey = tuple[str, str]

PAGE_SIZE = 5_000
FIRST_RETRY_SECONDS = 0.05
MAX_RETRY_SECONDS = 5.0

log = get_logger()


class Store(Generic[T]):
    """Objects by (namespace, name), with secondary indexes."""

    def __init__(self, indexes: Mapping[str, IndexFunction[T]]) -> None:
        self._indexes = indexes
        self._objects: dict[ObjectKey, T] = {}
        self._by_index: dict[str, dict[Hashable, dict[ObjectKey, T]]] = {name: {} for name in indexes}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: ObjectKey) -> T | None:
        return self._objects.get(key)

    def keys(self) -> Iterable[ObjectKey]:
        return self._objects.keys()

    def values(self) -> list[T]:
        return list(self._objects.values())

    def by_index(self, index: str, value: Hashable) -> list[T]:
        return list(self._by_index[index].get(value, {}).values())

    def put(self, object: T) -> T | None:
        """Store `object`; returns what it replaced."""
        key = key_of(object)
        old = self._objects.get(key)
        if old is not None:
            self._unindex(key, old)
        self._objects[key] = object
        for name, function in self._indexes.items():
            for value in function(object):
                self._by_index[name].setdefault(value, {})[key] = object
        return old

    def remove(self, key: ObjectKey) -> T | None:
        old = self._objects.pop(key, None)
        if old is not None:
            self._unindex(key, old)
        return old

    def _unindex(self, key: ObjectKey, object: T) -> None:
        for name, function in self._indexes.items():
            index = self._by_index[name]
            for value in function(object):
                entries = index.get(value)
                if entries is not None:
                    entries.pop(key, None)
                    if not entries:
                        del index[value]


class Informer(Generic[T]):
    """Keeps a `Store` equal to the API server's collection and tells handlers of each change.

    Handlers are plain functions `(old | None, new | None)`, called in order of registration; they must be quick
    and must not raise: typically they add a key to a work queue.
    """

    def __init__(
        self,
        client: Client,
        record: type[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        indexes: Mapping[str, IndexFunction[T]] | None = None,
        of: type[Record] | None = None,
    ) -> None:
        """`of`: the kind's record when `record` holds only a part of its fields."""
        self._client = client
        self._record = record
        self._of = of
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._store: Store[T] = Store(indexes or {})
        self._handlers: list[Handler[T]] = []
        self._hearing = False
        self._hearing_handlers: list[Callable[[bool], None]] = []
        self._retry_seconds = FIRST_RETRY_SECONDS
        self.synced = asyncio.Event()
        self.revision = 0

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler` for each change; objects already here are handed over at once as additions."""
        self._handlers.append(handler)
        for object in self._store.values():
            handler(None, object)

    def add_hearing_handler(self, handler: Callable[[bool], None]) -> None:
        """Call `handler(False)` when the server is lost, `handler(True)` before what it tells first when it is back."""
        self._hearing_handlers.append(handler)

    def get(self, namespace: str, name: str) -> T | None:
        return self._store.get((namespace, name))

    def items(self) -> list[T]:
        return self._store.values()

    def by_index(self, index: str, value: Hashable) -> list[T]:
        """The objects whose index function named `value`."""
        return self._store.by_index(index, value)

    def __len__(self) -> int:
        return len(self._store)

    async def run(self) -> None:
        """Follow the collection until cancelled."""
        while True:
            try:
                if self.revision == 0:
                    await self._list()
                await self._watch()
            except (errors.Expired, errors.Gone):
                self.revision = 0  # what we knew is too old to resume from
            except errors.StatusError as error:
                self._hear(False)
                log.warning(
                    "lost a watch",
                    kind=(self._of or self._record).__name__,
                    reason=error.message,
                    retry_seconds=self._retry_seconds,
                )
                await asyncio.sleep(self._retry_seconds * random.uniform(0.8, 1.2))
                self._retry_seconds = min(self._retry_seconds * 2, MAX_RETRY_SECONDS)

    async def _list(self) -> None:
        items: list[T] = []
        token, revision = "", 0
        while True:
            page = await self._client.list(
                self._record,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=PAGE_SIZE,
                continue_=token,
                of=self._of,
            )
            items.extend(page.items)
            revision, token = page.revision, page.continue_
            if not token:
                break
        self._hear(True)
        self._swap_in(items)
        self.revision = revision
        self.synced.set()

    def _swap_in(self, items: list[T]) -> None:
        gone = set(self._store.keys()) - {key_of(item) for item in items}
        for key in gone:
            self._tell(self._store.remove(key), None)
        for item in items:
            old = self._store.get(key_of(item))
            if old is None or _version(old) != _version(item):
                self._tell(self._store.put(item), item)

    async def _watch(self) -> None:
        watch = self._client.watch(
            self._record,
            self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            resource_version=str(self.revision),
            of=self._of,
        )
        async with aclosing(watch) as batches:
            async for batch in batches:
                self._hear(True)
                self._apply(batch)

    def _apply(self, batch: WatchBatch[T]) -> None:
        for event in batch.events:
            if event.type is EventType.DELETED:
                old = self._store.remove(key_of(event.object))
                self._tell(old or event.object, None)
            else:
                self._tell(self._store.put(event.object), event.object)
        self.revision = max(self.revision, batch.revision)

    def _hear(self, hearing: bool) -> None:
        if hearing:
            self._retry_seconds = FIRST_RETRY_SECONDS
        if hearing != self._hearing:
            self._hearing = hearing
            for handler in self._hearing_handlers:
                handler(hearing)

    def _tell(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            handler(old, new)


def key_of(object: Record) -> ObjectKey:
    """(namespace, name)."""
    metadata = object.metadata  # type: ignore[attr-defined]
    return metadata.namespace, metadata.name


def _version(object: Record) -> str:
    return str(object.metadata.resource_version)  # type: ignore[attr-defined]


async def wait_synced(*informers: Informer[Any]) -> None:
    """Wait until each informer has handed over its first items."""
    await asyncio.gather(*(informer.synced.wait() for informer in informers))
