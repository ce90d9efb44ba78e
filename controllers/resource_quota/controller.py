"""The quota controller: counts anew whenever something may have become free, and from time to time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from api.errors import NotFound
from api.quota import usage
from api.scheme import Resource
from api.types import ResourceQuota
from cluster.informer import Informer, ObjectKey
from controllers.context import INDEXES, Context
from controllers.mirror import key_of
from controllers.resource_quota.plan import concerned, counted_resources, gives_back, status

NAME = "resource_quota"
PAGE_SIZE = 5_000
# Objects often go in numbers: one count for all of them.
GATHER_SECONDS = 0.05
RESYNC_SECONDS = 300.0


class ResourceQuotaController:
    """reconcile(key): count a namespace's objects, write the sum over the state it was counted at or later.

    Every creation moves the quota's revision (`apiserver.admission.quotas`): objects counted at that revision or later,
    and a sum written over that revision only, can miss none of them.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._quotas = context.mirror(ResourceQuota)
        self._resources = counted_resources()
        self._by_namespace: dict[str, set[str]] = {}
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._quotas.add_handler(self._quota_changed)
        for resource in self._resources:
            context.informer(resource.record).add_handler(self._handler(resource))

    async def reconcile(self, key: ObjectKey) -> None:
        quota = self._quotas.get(*key)
        if quota is None or quota.metadata.deletion_timestamp is not None:
            return
        revision = int(quota.metadata.resource_version)
        resources = concerned(quota, self._resources)
        objects = {resource: await self._objects(resource, key[0], revision) for resource in resources}
        wanted = status(quota, objects, self._context.now())
        if wanted != quota.status:
            try:
                await self._quotas.update(replace(quota, status=wanted), subresource="status")
            except NotFound:
                return
        self._queue.add_after(key, RESYNC_SECONDS)

    async def _objects(self, resource: Resource, namespace: str, revision: int) -> Iterable[Any]:
        """A kind's objects in a namespace at `revision` or later."""
        informer: Informer[Any] = self._context.informer(resource.record)
        if informer.revision >= revision:
            if "namespace" in INDEXES.get(resource.record, {}):
                return informer.by_index("namespace", namespace)
            return [each for each in informer.items() if each.metadata.namespace == namespace]
        items: list[Any] = []
        token = ""
        while True:
            page = await self._client.list(resource.record, namespace, limit=PAGE_SIZE, continue_=token)
            items.extend(page.items)
            token = page.continue_
            if not token:
                return items

    def _quota_changed(self, old: ResourceQuota | None, new: ResourceQuota | None) -> None:
        if new is None:
            if old is not None:
                names = self._by_namespace[old.metadata.namespace]
                names.discard(old.metadata.name)
                if not names:
                    del self._by_namespace[old.metadata.namespace]
            return
        self._by_namespace.setdefault(new.metadata.namespace, set()).add(new.metadata.name)
        if old is None or old.spec != new.spec or new.status.hard != new.spec.hard:
            self._queue.add(key_of(new))

    def _handler(self, resource: Resource) -> Callable[[Any, Any], None]:
        def changed(old: Any, new: Any) -> None:
            namespace = (new or old).metadata.namespace
            names = self._by_namespace.get(namespace)
            if not names or not gives_back(resource, old, new):
                return
            for name in names:
                quota = self._quotas.get(namespace, name)
                if quota is not None and usage.tracked(resource, quota.spec.hard):
                    self._queue.add_after((namespace, name), GATHER_SECONDS)

        return changed
