"""The quotas of every namespace as they are after our own latest charges, and the writes that charge them.

A charge is a side key of the transaction that writes objects: the quota's new state, guarded by the revision it was
judged at. A namespace's creations follow one another here, as many at a time as were waiting: they need not find out
about each other from etcd's refusals. Other servers and controllers are met with a new attempt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from api import codec, errors
from api.types import ResourceQuota
from apiserver.admission.chain import Request
from apiserver.admission.quotas import charges, groups
from apiserver.admission.quotas.groups import NewObject, Waiter
from apiserver.storage.cache import ResourceCache
from apiserver.storage.keys import Keys, object_key, storage_of
from apiserver.storage.store import SideConflict, Store
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

NO_CHARGES: Final[Sequence[Side]] = ()


class _Namespace:
    """The quotas of one namespace: as the cache knows them and, where that lags, as we wrote them."""

    __slots__ = ("cached", "latest", "waiting", "worker")

    def __init__(self) -> None:
        self.cached: dict[str, Stored] = {}
        self.latest: dict[str, Stored] = {}
        self.waiting: list[Waiter] = []
        self.worker: asyncio.Task[None] | None = None

    def quotas(self) -> dict[str, Stored]:
        return {name: self.latest.get(name, stored) for name, stored in sorted(self.cached.items())}


class _Judged:
    """Quotas while one write after the other is charged to them."""

    def __init__(self, quotas: dict[str, Stored]) -> None:
        self._quotas = quotas
        self._after: dict[str, ResourceQuota] = {}

    def charge(self, demand: charges.Demand) -> None:
        """Raises `Forbidden`, and then nothing is charged."""
        current = {name: self._after.get(name) or stored.record for name, stored in self._quotas.items()}
        changed = {name: charges.charged(quota, demand) for name, quota in current.items()}
        self._after |= {name: quota for name, quota in changed.items() if quota is not None}

    def written(self) -> list[tuple[Stored, ResourceQuota, bytes]]:
        """What was judged, what it becomes and the bytes of that."""
        return [(self._quotas[name], after, codec.encode_stored(after)) for name, after in self._after.items()]


class QuotaLedger:
    """Follows the watch cache of quotas. `touch` moves a namespace's revision; `now` gives seconds since the epoch."""

    def __init__(
        self,
        cache: ResourceCache,
        keys: Keys,
        store: Store,
        touch: Callable[[str], Sequence[Side]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._resource = cache.resource
        self._touch = touch
        self._keys = keys
        self._storage = storage_of(cache.resource)
        self._store = store
        self._now = now
        self._namespaces: dict[str, _Namespace] = {}
        for stored in cache.items():
            self._changed(None, stored)
        cache.on_change(self._changed)

    def concerns(self, request: Request) -> bool:
        """Whether a write may have to be charged: most namespaces have no quota."""
        return request.namespace in self._namespaces and charges.is_charged(
            request.operation, request.resource, request.subresource
        )

    async def create(self, request: Request, new: NewObject) -> Stored:
        """Write a new object and charge it. Raises `Forbidden`, and what `Store.create` raises."""
        namespace = self._namespaces[request.namespace]
        waiter = Waiter(request, new)
        namespace.waiting.append(waiter)
        if namespace.worker is None:
            # A task of its own: who began it may give up while others' objects are being written.
            namespace.worker = asyncio.create_task(self._work(namespace))
        return await waiter.outcome

    def check(self, request: Request) -> Sequence[Side]:
        """The charges of a write that is carried out at once or planned again. Raises `Forbidden`."""
        if request.resource is self._resource and request.old is not None:
            # What is under way was judged by the old spec.
            return self._touch(request.namespace) if request.new.spec != request.old.spec else NO_CHARGES
        if not self.concerns(request):
            return NO_CHARGES
        judged = _Judged(self._namespaces[request.namespace].quotas())
        judged.charge(charges.Demand(request, self._now()))
        return [self._side(stored, data) for stored, _, data in judged.written()]

    async def _work(self, namespace: _Namespace) -> None:
        group: list[Waiter] = []
        try:
            while group := groups.take(namespace.waiting):
                try:
                    await self._commit(namespace, group)
                except Exception as error:
                    for waiter in group:
                        waiter.fail(error)
        finally:
            # Both are empty unless the server ends in the middle of it.
            namespace.worker = None
            for waiter in (*group, *namespace.waiting):
                waiter.outcome.cancel()

    async def _commit(self, namespace: _Namespace, group: Sequence[Waiter]) -> None:
        """One transaction for all of a group that there is room for; one each when something is in its way."""
        judged = _Judged(namespace.quotas())
        admitted = [waiter for waiter in group if self._admitted(waiter, judged)]
        if not admitted:
            return
        written = judged.written()
        quotas = [self._side(stored, data) for stored, _, data in written]
        try:
            revision = await self._write([waiter.new for waiter in admitted], quotas)
        except (SideConflict, errors.AlreadyExists) as error:
            if isinstance(error, SideConflict) and error.side in quotas:
                # Somebody else changed a quota: what we wrote is history.
                namespace.latest.clear()
            if len(admitted) == 1:
                admitted[0].fail(error)
                return
            for waiter in admitted:
                await self._commit(namespace, [waiter])
            return
        for stored, after, data in written:
            if stored.name in namespace.cached:
                namespace.latest[stored.name] = _stored(stored, revision, data, after)
        for waiter in admitted:
            waiter.succeed(_stored(waiter.new, revision, waiter.new.data))

    def _admitted(self, waiter: Waiter, judged: _Judged) -> bool:
        try:
            judged.charge(charges.Demand(waiter.request, self._now()))
        except errors.StatusError as error:
            waiter.fail(error)
            return False
        return True

    async def _write(self, news: Sequence[NewObject], quotas: Sequence[Side]) -> int:
        first = news[0]
        stored = await self._store.create(
            first.resource,
            first.storage,
            first.namespace,
            first.name,
            first.data,
            ttl_seconds=first.ttl_seconds,
            sides=groups.sides(self._keys, news, quotas),
        )
        return stored.revision

    def _side(self, stored: Stored, data: bytes) -> Side:
        key = self._keys.object(self._storage, object_key(stored.namespace, stored.name))
        return Side(key, expected=stored.revision, value=data)

    def _changed(self, old: Stored | None, new: Stored | None) -> None:
        if new is not None:
            namespace = self._namespaces.setdefault(new.namespace, _Namespace())
            namespace.cached[new.name] = new
            known = namespace.latest.get(new.name)
            if known is not None and known.revision <= new.revision:
                del namespace.latest[new.name]
        elif old is not None:
            namespace = self._namespaces[old.namespace]
            del namespace.cached[old.name]
            namespace.latest.pop(old.name, None)
            if not namespace.cached:
                del self._namespaces[old.namespace]


def _stored(like: Stored | NewObject, revision: int, data: bytes, record: ResourceQuota | None = None) -> Stored:
    spliced = codec.with_resource_version(data, revision)
    return Stored(like.resource, like.namespace, like.name, revision, spliced, _record=record)
