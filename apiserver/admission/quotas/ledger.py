"""The quotas of every namespace as they are after our own latest charges, and the guards that make charges exact.

A charge is a side key of the transaction that writes the object: the quota's new state, guarded by the revision it was
judged at. Writes of one namespace's charged objects follow one another here, so that they need not find out about
each other from etcd's refusals; other servers and controllers are met with a new attempt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from api import codec
from api.types import ResourceQuota
from apiserver.admission.chain import Request
from apiserver.admission.quotas import charges
from apiserver.storage.cache import ResourceCache
from apiserver.storage.keys import Keys, object_key, storage_of
from apiserver.storage.store import SideConflict
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

NO_CHARGES: Final[Sequence[Side]] = ()


class _Namespace:
    """The quotas of one namespace: as the cache knows them and, where that lags, as we wrote them."""

    __slots__ = ("cached", "latest", "turn")

    def __init__(self) -> None:
        self.cached: dict[str, Stored] = {}
        self.latest: dict[str, Stored] = {}
        self.turn = asyncio.Lock()

    def quotas(self) -> list[Stored]:
        return [self.latest.get(name, stored) for name, stored in sorted(self.cached.items())]


class Charge:
    """What one write does to quotas: `sides` for its transaction, `written` to be told of the revision that got."""

    def __init__(
        self, namespace: _Namespace, quotas: Sequence[tuple[Stored, ResourceQuota]], keys: Sequence[bytes]
    ) -> None:
        self._namespace = namespace
        self._quotas = [(stored, after, codec.encode_stored(after)) for stored, after in quotas]
        self.sides: Sequence[Side] = [
            Side(key, expected=stored.revision, value=data)
            for key, (stored, _, data) in zip(keys, self._quotas, strict=True)
        ]

    def written(self, revision: int) -> None:
        for stored, after, data in self._quotas:
            self._namespace.latest[stored.name] = Stored(
                stored.resource,
                stored.namespace,
                stored.name,
                revision,
                codec.with_resource_version(data, revision),
                _record=after,
            )


FREE: Final = Charge(_Namespace(), (), ())


class QuotaLedger:
    """Follows the watch cache of quotas; `now` gives seconds since the epoch."""

    def __init__(self, cache: ResourceCache, keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._storage = storage_of(cache.resource)
        self._now = now
        self._namespaces: dict[str, _Namespace] = {}
        for stored in cache.items():
            self._changed(None, stored)
        cache.on_change(self._changed)

    @asynccontextmanager
    async def charge(self, request: Request) -> AsyncIterator[Charge]:
        """Charge the creation of `request.new`; its transaction runs inside. Raises `Forbidden`."""
        namespace = self._namespaces.get(request.namespace)
        if namespace is None or not charges.is_charged(request.operation, request.resource, request.subresource):
            yield FREE
            return
        async with namespace.turn:
            charge = self._judge(namespace, request)
            try:
                yield charge
            except SideConflict:
                # Somebody else changed a quota: what the cache says by the next attempt is newer than what we wrote.
                namespace.latest.clear()
                raise

    def charge_update(self, request: Request) -> Sequence[Side]:
        """The same for an update, which is carried out at once or planned again. Raises `Forbidden`."""
        namespace = self._namespaces.get(request.namespace)
        if namespace is None or not charges.is_charged(request.operation, request.resource, request.subresource):
            return NO_CHARGES
        return self._judge(namespace, request).sides

    def _judge(self, namespace: _Namespace, request: Request) -> Charge:
        demand = charges.Demand(request, self._now())
        judged = [(stored, charges.charged(stored.record, demand)) for stored in namespace.quotas()]
        changed = [(stored, after) for stored, after in judged if after is not None]
        if not changed or request.options.dry_run:
            return FREE
        keys = [self._keys.object(self._storage, object_key(stored.namespace, stored.name)) for stored, _ in changed]
        return Charge(namespace, changed, keys)

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
