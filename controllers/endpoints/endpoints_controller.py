"""The Endpoints controller: the older form of EndpointSlices, which tools still read."""

from __future__ import annotations

from api.types import Endpoints, Pod, Service
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.endpoints import backends
from controllers.endpoints.sources import PodWatcher
from controllers.endpoints.subsets import MANAGED_BY_LABEL, MANAGER, plan
from controllers.endpoints.trigger_time import TriggerTimes
from controllers.mirror import key_of

NAME = "endpoint"


class EndpointsController:
    """reconcile(service key): list the service's pods in one Endpoints object."""

    def __init__(self, context: Context) -> None:
        self._services = context.mirror(Service)
        # Not the mirror: a pod just deleted is shown as terminating, not left out meanwhile.
        self._pods = context.informer(Pod)
        self._endpoints = context.mirror(Endpoints)
        self._trigger_times = TriggerTimes()
        self._service_gone: set[ObjectKey] = set()
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._services.add_handler(self._service_changed)
        self._pods.add_handler(PodWatcher(self._services, self._queue.add).pod_changed)
        self._endpoints.add_handler(self._endpoints_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        service = self._services.get(*key)
        existing = self._endpoints.get(*key)
        if service is None:
            self._trigger_times.forget(key)
            await self._clean_up(key, existing)
            return
        self._service_gone.discard(key)
        if not backends.has_backends(service) or service.metadata.deletion_timestamp is not None:
            return
        pods = [
            pod
            for pod in self._pods.by_index("namespace", service.metadata.namespace)
            if backends.selects(service, pod.metadata.labels)
        ]
        wanted = plan(service, pods, existing, self._trigger_times.advance(key, service, pods))
        if wanted is not None:
            await (self._endpoints.update(wanted) if existing is not None else self._endpoints.create(wanted))

    async def _clean_up(self, key: ObjectKey, existing: Endpoints | None) -> None:
        """Endpoints go with their service; what was written by hand for a service yet to come stays."""
        if existing is not None and (key in self._service_gone or _is_ours(existing)):
            await self._endpoints.delete(existing)
        self._service_gone.discard(key)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if new is None and old is not None:
            self._service_gone.add(key_of(old))
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _endpoints_changed(self, old: Endpoints | None, new: Endpoints | None) -> None:
        """What others do to our objects is put right, and what a service left behind is found."""
        for each in (old, new):
            if each is not None and _is_ours(each):
                self._queue.add(key_of(each))


def _is_ours(endpoints: Endpoints) -> bool:
    return endpoints.metadata.labels.get(MANAGED_BY_LABEL) == MANAGER
