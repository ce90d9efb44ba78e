"""ServiceCIDRs: ready from the start, and kept as long as a Service has an address that no other one covers.

Upstream: servicecidrs. Which Services have addresses is read off the Services: their IPAddresses are made and deleted
with them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from api import timestamps
from api.errors import NotFound
from api.types import Condition, Service, ServiceCIDR
from controllers.context import Context

NAME: Final = "service-cidrs"
FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
READY: Final = "Ready"
# By then every API server knows that the network goes, and takes no more addresses of it.
DELETION_GRACE_SECONDS: Final = 10.0

_IS_READY: Final = Condition(type=READY, status="True", message="Kubernetes Service CIDR is ready")
_IN_USE: Final = Condition(
    type=READY,
    status="False",
    reason="Terminating",
    message="There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ServiceCIDRController:
    """reconcile(name): finalizer and condition of what lives, and of what has to go the finalizer's end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cidrs = context.mirror(ServiceCIDR)
        self._services = context.mirror(Service)
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._cidrs.add_handler(self._cidr_changed)
        self._services.add_handler(self._service_changed)

    async def reconcile(self, name: str) -> None:
        found = self._cidrs.get("", name)
        if found is None:
            return
        try:
            if found.metadata.deletion_timestamp is None:
                await self._keep(found)
            else:
                await self._let_go(found, found.metadata.deletion_timestamp)
        except NotFound:
            return

    async def _keep(self, cidr: ServiceCIDR) -> None:
        if FINALIZER not in cidr.metadata.finalizers:
            cidr = await self._with_finalizers(cidr, [*cidr.metadata.finalizers, FINALIZER])
        if not any(condition.type == READY and condition.status == "True" for condition in cidr.status.conditions):
            await self._report(cidr, _IS_READY)

    async def _let_go(self, cidr: ServiceCIDR, deleted: str) -> None:
        if FINALIZER not in cidr.metadata.finalizers:
            return
        if is_needed(cidr, self._cidrs.items(), self._addresses()):
            if not any(condition.reason == _IN_USE.reason for condition in cidr.status.conditions):
                await self._report(cidr, _IN_USE)
            return
        left = timestamps.parse(deleted) + DELETION_GRACE_SECONDS - self._context.now()
        if left > 0:
            self._queue.add_after(cidr.metadata.name, left)
            return
        await self._with_finalizers(cidr, [each for each in cidr.metadata.finalizers if each != FINALIZER])

    def _addresses(self) -> Iterator[Address]:
        for service in self._services.items():
            yield from addresses_of(service)

    async def _with_finalizers(self, cidr: ServiceCIDR, finalizers: list[str]) -> ServiceCIDR:
        return await self._cidrs.update(replace(cidr, metadata=replace(cidr.metadata, finalizers=finalizers)))

    async def _report(self, cidr: ServiceCIDR, condition: Condition) -> None:
        others = [each for each in cidr.status.conditions if each.type != READY]
        dated = replace(condition, last_transition_time=timestamps.now_text(self._context.now()))
        status = replace(cidr.status, conditions=[*others, dated])
        await self._cidrs.update(replace(cidr, status=status), subresource="status")

    def _cidr_changed(self, old: ServiceCIDR | None, new: ServiceCIDR | None) -> None:
        if new is not None:
            self._queue.add(new.metadata.name)
        self._look_at_those_to_go()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if old is not None and (new is None or old.spec.cluster_ips != new.spec.cluster_ips):
            self._look_at_those_to_go()

    def _look_at_those_to_go(self) -> None:
        for cidr in self._cidrs.items():
            if cidr.metadata.deletion_timestamp is not None:
                self._queue.add(cidr.metadata.name)


def is_needed(cidr: ServiceCIDR, all_cidrs: Iterable[ServiceCIDR], addresses: Iterable[Address]) -> bool:
    """Whether there is an address of a ServiceCIDR's that no other, staying one has, too."""
    staying = [each for each in all_cidrs if each.metadata.deletion_timestamp is None]
    others = [network for each in staying for network in _networks(each)]
    own = _networks(cidr)
    return any(_holds(own, address) and not _holds(others, address) for address in addresses)


def addresses_of(service: Service) -> Iterator[Address]:
    """A Service's cluster addresses."""
    for text in service.spec.cluster_ips:
        try:
            yield ipaddress.ip_address(text)
        except ValueError:
            continue  # a headless one


def _networks(cidr: ServiceCIDR) -> list[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in cidr.spec.cidrs]


def _holds(networks: Iterable[Network], address: Address) -> bool:
    return any(address in network for network in networks)
