"""The Service `kubernetes` in `default`: how pods reach this API server. Made and kept by the API server itself.

Upstream: controlplane/controller/kubernetesservice.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any, Final

from msgspec.structs import replace

from api import defaults, errors
from api.types import (
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSlicePort,
    EndpointSubset,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from apiserver.auth.user import LOOPBACK
from apiserver.bootstrap import create_if_absent
from apiserver.registry.objects import ObjectRegistry
from apiserver.requests import WriteOptions
from apiserver.stored import Stored
from cluster.logs import get_logger

NAMESPACE: Final = "default"
NAME: Final = "kubernetes"
SERVICE_PORT: Final = 443
INTERVAL_SECONDS: Final = 10.0
_PORT_NAME: Final = "https"
_OPTIONS: Final = WriteOptions()

log = get_logger()


class KubernetesService:
    """`address` and `port` are where this server's REST door is reached; `cluster_ip` the Service's address."""

    def __init__(
        self,
        services: ObjectRegistry,
        endpoints: ObjectRegistry,
        slices: ObjectRegistry,
        cluster_ip: str,
        address: str,
        port: int,
    ) -> None:
        self._wanted: list[tuple[ObjectRegistry, Any]] = [(services, _service(cluster_ip, port))]
        # An address of this host alone is no endpoint: nobody else could reach it (and validation says so).
        if not ipaddress.ip_address(address).is_loopback:
            self._wanted += [(endpoints, _endpoints(address, port)), (slices, _slice(address, port))]

    async def ensure(self) -> None:
        """Create what is absent, correct what differs. Raises `StatusError`."""
        for registry, record in self._wanted:
            wanted = defaults.apply(record)
            found = registry.reader.cache.get(NAMESPACE, NAME)
            if found is None:
                await create_if_absent(registry, wanted)
            elif corrected(found.record, wanted) != found.record:
                await self._correct(registry, wanted)

    async def run(self) -> None:
        """Keep them so."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await self.ensure()
            except errors.StatusError as error:
                log.warning("could not keep the kubernetes Service", reason=error.message)

    async def _correct(self, registry: ObjectRegistry, wanted: Any) -> None:
        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            return corrected(current.record, wanted), ()

        view = registry.strategy.views()[""]
        await registry.write(LOOPBACK, NAMESPACE, NAME, "", view, produce, _OPTIONS)


def corrected(present: Any, wanted: Any) -> Any:
    """The present object with what this server insists on."""
    labels = {**present.metadata.labels, **wanted.metadata.labels}
    metadata = replace(present.metadata, labels=labels)
    if isinstance(present, Service):
        return replace(present, metadata=metadata, spec=replace(present.spec, ports=wanted.spec.ports))
    if isinstance(present, Endpoints):
        return replace(present, metadata=metadata, subsets=wanted.subsets)
    return replace(present, metadata=metadata, endpoints=wanted.endpoints, ports=wanted.ports)


def _service(cluster_ip: str, port: int) -> Service:
    return Service(
        metadata=ObjectMeta(
            name=NAME, namespace=NAMESPACE, labels={"component": "apiserver", "provider": "kubernetes"}
        ),
        spec=ServiceSpec(
            type="ClusterIP",
            cluster_ip=cluster_ip,
            cluster_ips=[cluster_ip],
            session_affinity="None",
            ports=[ServicePort(name=_PORT_NAME, protocol="TCP", port=SERVICE_PORT, target_port=port)],
        ),
    )


def _endpoints(address: str, port: int) -> Endpoints:
    subset = EndpointSubset(
        addresses=[EndpointAddress(ip=address)],
        ports=[EndpointPort(name=_PORT_NAME, port=port, protocol="TCP")],
    )
    # The slice is ours as well: nobody is to mirror these endpoints into another one.
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    return Endpoints(metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels=labels), subsets=[subset])


def _slice(address: str, port: int) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels={"kubernetes.io/service-name": NAME}),
        address_type="IPv6" if ":" in address else "IPv4",
        endpoints=[Endpoint(addresses=[address], conditions=EndpointConditions(ready=True))],
        ports=[EndpointSlicePort(name=_PORT_NAME, port=port, protocol="TCP")],
    )
