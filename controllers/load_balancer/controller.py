"""Gives Services of type LoadBalancer an address of the pool and a node to answer for it (upstream: a cloud's part)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from api.types import Endpoint, EndpointSlice, Node, Service
from cluster.informer import ObjectKey
from controllers.context import SERVICE_NAME_LABEL, Context
from controllers.load_balancer.plan import (
    ANNOUNCER_ANNOTATION,
    NoAddress,
    Pool,
    addresses_of,
    announced,
    choose_addresses,
    choose_node,
    is_ours,
)
from controllers.mirror import key_of

NAME = "service-lb"


class LoadBalancerController:
    """reconcile(service key). One worker: addresses are given out one at a time.

    pools: at most one of an IP family; none when there are no addresses to give out. reserved: those of them that no
    Service gets.
    """

    def __init__(self, context: Context, pools: Sequence[Pool], reserved: Collection[str] = frozenset()) -> None:
        self._pools = pools
        self._reserved = reserved
        self._services = context.mirror(Service)
        self._nodes = context.informer(Node)
        self._slices = context.informer(EndpointSlice)
        self._recorder = context.recorder("service-controller")
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._services.add_handler(self._service_changed)
        self._nodes.add_handler(self._node_changed)
        self._slices.add_handler(self._slice_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        service = self._services.get(*key)
        if service is None or service.metadata.deletion_timestamp is not None:
            return
        if not is_ours(service):
            await self._release(service)
            return
        if not self._pools:
            return
        try:
            addresses = choose_addresses(service, self._pools, self._used_by_others(service), self._reserved)
        except NoAddress as error:
            self._recorder.record(service, "Warning", "SyncLoadBalancerFailed", f"no address for it: {error}")
            await self._release(service)
            return
        current = service.metadata.annotations.get(ANNOUNCER_ANNOTATION, "")
        node = choose_node(service, self._nodes.items(), self._endpoints(key), current)
        if addresses != addresses_of(service):
            text = f"Ensured load balancer: {', '.join(addresses)}"
            self._recorder.record(service, "Normal", "EnsuredLoadBalancer", text)
        await self._write(service, announced(service, addresses, node))

    async def _release(self, service: Service) -> None:
        """Take back what it got of us."""
        if ANNOUNCER_ANNOTATION in service.metadata.annotations:
            await self._write(service, announced(service, [], ""))

    async def _write(self, old: Service, new: Service) -> None:
        if new != old:
            # As upstream's, an update of the status may change annotations too.
            await self._services.update(new, subresource="status")

    def _used_by_others(self, service: Service) -> set[str]:
        return {
            address
            for other in self._services.items()
            if other.metadata.uid != service.metadata.uid and is_ours(other)
            for address in addresses_of(other)
        }

    def _endpoints(self, key: ObjectKey) -> list[Endpoint]:
        return [endpoint for each in self._slices.by_index("service", key) for endpoint in each.endpoints]

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if new is not None:
            self._queue.add(key_of(new))
        elif old is not None and is_ours(old):
            self._retry_all()  # its address is free

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if _state(old) != _state(new):
            self._retry_all()

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        metadata = (new or old).metadata  # type: ignore[union-attr]
        service = self._services.get(metadata.namespace, metadata.labels.get(SERVICE_NAME_LABEL, ""))
        if service is not None and is_ours(service):
            self._queue.add(key_of(service))

    def _retry_all(self) -> None:
        for service in self._services.items():
            if is_ours(service):
                self._queue.add(key_of(service))


def _state(node: Node | None) -> object:
    """What the choice of a node goes by."""
    if node is None:
        return None
    return node.metadata.labels, [(each.type, each.status) for each in node.status.conditions]
