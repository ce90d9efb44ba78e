"""The EndpointSlice controller. It writes as soon as a pod changes: nothing is gathered up first."""

from __future__ import annotations

from api.errors import StatusError
from api.types import EndpointSlice, Node, Pod, Service
from cluster.informer import ObjectKey
from controllers.context import SERVICE_NAME_LABEL, Context
from controllers.endpoints import backends, metrics
from controllers.endpoints.slices import MANAGED_BY_LABEL, MANAGER, ZONE_LABEL, Changes, plan
from controllers.endpoints.sources import PodWatcher
from controllers.endpoints.trigger_time import TriggerTimes
from controllers.mirror import key_of

NAME = "endpoint_slice"


class EndpointSliceController:
    """reconcile(service key): pack the service's pods into slices."""

    def __init__(self, context: Context) -> None:
        self._services = context.mirror(Service)
        # Not the mirror: a pod just deleted is shown as terminating, not left out meanwhile.
        self._pods = context.informer(Pod)
        self._nodes = context.informer(Node)
        self._slices = context.mirror(EndpointSlice)
        self._trigger_times = TriggerTimes()
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        metrics.num_endpoint_slices.set_function(lambda: len(self._slices))
        self._services.add_handler(self._service_changed)
        self._watcher = PodWatcher(self._services, self._queue.add)
        self._pods.add_handler(self._watcher.pod_changed)
        self._nodes.add_handler(self._node_changed)
        self._slices.add_handler(self._slice_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        service = self._services.get(*key)
        if service is None:
            self._trigger_times.forget(key)
            return  # its slices go with it: it owns them
        if not backends.has_backends(service) or service.metadata.deletion_timestamp is not None:
            return
        pods = [
            pod
            for pod in self._pods.by_index("namespace", service.metadata.namespace)
            if backends.selects(service, pod.metadata.labels)
        ]
        nodes = {pod.spec.node_name: node for pod in pods if (node := self._nodes.get("", pod.spec.node_name))}
        trigger_time = self._trigger_times.advance(key, service, pods)
        changes = plan(service, pods, nodes, self._ours(key), trigger_time)
        try:
            await self._carry_out(changes)
        except StatusError:
            metrics.syncs.labels("error").inc()
            raise
        metrics.syncs.labels("success").inc()

    def _ours(self, key: ObjectKey) -> list[EndpointSlice]:
        return [
            each
            for each in self._slices.by_index("service", key)
            if each.metadata.labels.get(MANAGED_BY_LABEL) == MANAGER and each.metadata.deletion_timestamp is None
        ]

    async def _carry_out(self, changes: Changes) -> None:
        for endpoint_slice in changes.create:
            await self._slices.create(endpoint_slice)
        for endpoint_slice in changes.update:
            await self._slices.update(endpoint_slice)
        for endpoint_slice in changes.delete:
            await self._slices.delete(endpoint_slice)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """What others do to our slices is put right."""
        for each in (old, new):
            if each is not None and each.metadata.labels.get(MANAGED_BY_LABEL) == MANAGER:
                service = each.metadata.labels.get(SERVICE_NAME_LABEL)
                if service:
                    self._queue.add((each.metadata.namespace, service))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Endpoints show the zone of their node."""
        if new is None or _zone(old) == _zone(new):
            return
        for pod in self._pods.by_index("node", new.metadata.name):
            self._watcher.pod_changed(None, pod)


def _zone(node: Node | None) -> str | None:
    return node.metadata.labels.get(ZONE_LABEL) if node is not None else None
