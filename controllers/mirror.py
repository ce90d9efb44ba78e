"""A collection to read and write: a shared informer that already shows what this process has written itself.

An informer lags its API server by the time a watch event takes. Acting on the old state again would create the same pod
twice or be refused as a conflict; waiting for the event would cost that time. So the answers to our own writes are
laid over the informer until it has caught up with their revision (in place of upstream's controller expectations).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from api.errors import NotFound
from api.types.record import Record
from cluster.client import Client, PatchKind
from cluster.informer import Handler, ObjectKey

T = TypeVar("T", bound=Record)
IndexFunction = Callable[[Any], Iterable[Hashable]]


class Source(Protocol[T]):
    """What is mirrored: `cluster.informer.Informer`."""

    revision: int

    def __len__(self) -> int: ...

    def get(self, namespace: str, name: str) -> T | None: ...

    def items(self) -> list[T]: ...

    def by_index(self, index: str, value: Hashable) -> list[T]: ...

    def add_handler(self, handler: Handler[T]) -> None: ...


class Mirror(Generic[T]):
    """The objects of a kind: the informer's, or newer ones of our own making. Writes raise `api.errors.StatusError`."""

    def __init__(self, client: Client, source: Source[T], indexes: Mapping[str, IndexFunction]) -> None:
        self._client = client
        self._source = source
        self._indexes = indexes
        self._written: dict[ObjectKey, T] = {}
        self._deleted: dict[ObjectKey, str] = {}  # key -> uid
        source.add_handler(self._drop_seen)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler(old, new)` for each change the API server tells of."""
        self._source.add_handler(handler)

    async def create(self, object: T) -> T:
        return self._wrote(await self._client.create(object))

    async def update(self, object: T, *, subresource: str = "") -> T:
        """Replace an object. Raises Conflict when it was changed since it was read."""
        return self._wrote(await self._client.update(object, subresource=subresource))

    async def patch(
        self, object: T, patch: dict[str, Any], *, kind: PatchKind = PatchKind.MERGE, subresource: str = ""
    ) -> T:
        """Patch this very object. Raises Conflict when another has taken its name."""
        namespace, name = key_of(object)
        body = {**patch, "metadata": {"uid": _uid(object), **patch.get("metadata", {})}}
        answer = await self._client.patch(type(object), name, namespace, body, kind=kind, subresource=subresource)
        return self._wrote(answer)

    async def delete(self, object: T) -> bool:
        """Delete this very object; it is left out from now on. False when it was gone already."""
        key = key_of(object)
        try:
            await self._client.delete(type(object), key[1], key[0], uid=_uid(object))
            deleted = True
        except NotFound:
            deleted = False
        self._written.pop(key, None)
        if self._may_show(key, object):
            self._deleted[key] = _uid(object)
        return deleted

    def _may_show(self, key: ObjectKey, object: T) -> bool:
        """Whether the informer shows the object still, or has yet to hear of it: else nothing would end its hiding."""
        shown = self._source.get(*key)
        if shown is not None and _uid(shown) == _uid(object):
            return not _is_deleting(shown)
        return self._source.revision < _revision(object)

    async def terminate(self, object: T) -> bool:
        """Delete this very object, which may take a grace period: it is shown as it is then. False when it was gone."""
        if not await self.delete(object):
            return False
        key = key_of(object)
        try:
            left = await self._client.get(type(object), key[1], key[0])
        except NotFound:
            return True
        if _uid(left) == _uid(object):
            self._deleted.pop(key, None)
            self._wrote(left)
        return True

    def _wrote(self, answer: T) -> T:
        if self._source.revision < _revision(answer):
            self._written[key_of(answer)] = answer
        return answer

    def __len__(self) -> int:
        return len(self._source)

    def get(self, namespace: str, name: str) -> T | None:
        key = (namespace, name)
        return self._latest(key, self._source.get(namespace, name))

    def items(self) -> list[T]:
        return self._overlaid(self._source.items(), lambda _object: True)

    def by_index(self, index: str, value: Hashable) -> list[T]:
        """The objects whose index function names `value`."""
        function = self._indexes[index]
        return self._overlaid(self._source.by_index(index, value), lambda object: value in function(object))

    def _overlaid(self, shown: list[T], belongs: Callable[[T], bool]) -> list[T]:
        if not self._written and not self._deleted:
            return shown
        latest = [self._latest(key_of(object), object) for object in shown]
        objects = {key_of(object): object for object in latest if object is not None and belongs(object)}
        for key in list(self._written):
            written = self._latest(key, self._source.get(*key))
            if written is not None and belongs(written):
                objects[key] = written
        return list(objects.values())

    def _latest(self, key: ObjectKey, shown: T | None) -> T | None:
        written = self._written.get(key)
        if written is not None:
            if self._source.revision < _revision(written) and (shown is None or _revision(shown) < _revision(written)):
                return written
            del self._written[key]
        if key in self._deleted and self._still_hidden(key, shown):
            return None
        return shown

    def _still_hidden(self, key: ObjectKey, shown: T | None) -> bool:
        if shown is not None and _uid(shown) == self._deleted[key] and not _is_deleting(shown):
            return True
        del self._deleted[key]
        return False

    def _drop_seen(self, old: T | None, new: T | None) -> None:
        """The informer has caught up with what was written or deleted; nothing is kept for longer than that."""
        known = new or old
        if known is None:
            return
        key = key_of(known)
        written = self._written.get(key)
        if written is not None and (new is None or _revision(new) >= _revision(written)):
            del self._written[key]
        if key in self._deleted:
            self._still_hidden(key, new)


def key_of(object: Any) -> ObjectKey:
    """(namespace, name)."""
    return object.metadata.namespace, object.metadata.name


def _uid(object: Any) -> str:
    return str(object.metadata.uid)


def _revision(object: Any) -> int:
    return int(object.metadata.resource_version or 0)


def _is_deleting(object: Any) -> bool:
    return object.metadata.deletion_timestamp is not None
