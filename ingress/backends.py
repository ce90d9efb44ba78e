"""What a backend of a route is: the Service's port it means, the protocol, the endpoints behind it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from api.types import EndpointSlice, IngressBackend, Service, ServicePort
from ingress.model import Backend, Key, Problem, Protocol

# Upstream's names for protocols of a Service's port (KEP-3726), and the plain ones people write.
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.H2C,
    "h2c": Protocol.H2C,
    "grpc": Protocol.H2C,
    "kubernetes.io/wss": Protocol.HTTPS,
    "https": Protocol.HTTPS,
}

ServiceOf = Callable[[str, str], Service | None]


def resolve(
    namespace: str, wanted: IngressBackend, service_of: ServiceOf, protocol: Protocol | None
) -> Backend | Problem:
    """The backend, or why there is none. protocol: what the Ingress says; None leaves it to the Service's port."""
    if wanted.service is None:
        kind = wanted.resource.kind if wanted.resource is not None else "nothing"
        return Problem("UnsupportedBackend", f"a backend must be a Service; {kind} is not supported here")
    number, port_name = wanted.service.port.number, wanted.service.port.name
    found = find((namespace, wanted.service.name), number, port_name, service_of, answer=503)
    return replace(found, protocol=protocol) if protocol is not None and isinstance(found, Backend) else found


def find(key: Key, number: int, port_name: str, service_of: ServiceOf, *, answer: int) -> Backend | Problem:
    """A Service's port by number, or by name if there is one. answer: the status that requests get without it."""
    namespace, name = key
    service = service_of(namespace, name)
    if service is None:
        return Problem("ServiceNotFound", f"Service {namespace}/{name} does not exist: its paths answer {answer}")
    if service.spec.type == "ExternalName":
        message = (
            f"Service {namespace}/{name} is of type ExternalName, which has no endpoints: its paths answer {answer}"
        )
        return Problem("UnsupportedBackend", message)
    port = _port(service, number, port_name)
    if port is None:
        there = ", ".join(_shown(each) for each in service.spec.ports) or "none"
        asked = f"{port_name!r}" if port_name else str(number)
        message = f"Service {namespace}/{name} has no port {asked}: its paths answer {answer}; it has {there}"
        return Problem("PortNotFound", message)
    return Backend(namespace, name, port.port, port.name, _protocol(port))


def _port(service: Service, number: int, name: str) -> ServicePort | None:
    for port in service.spec.ports:
        if (port.protocol or "TCP") == "TCP" and (port.name == name if name else port.port == number):
            return port
    return None


def _protocol(port: ServicePort) -> Protocol:
    return _APP_PROTOCOLS.get((port.app_protocol or "").lower(), Protocol.HTTP)


def _shown(port: ServicePort) -> str:
    return f"{port.port} ({port.name})" if port.name else str(port.port)


def endpoints(backend: Backend, slices: Iterable[EndpointSlice]) -> list[tuple[str, int]]:
    """Addresses and ports to send requests to, sorted: those ready, or else those that still serve while they end.

    What has to end is sent nothing new; requests under way go on (the same order as kube-proxy's, KEP-1669).
    A dual-stack Service has its pods in slices of both IP families: those of IPv4 are enough.
    """
    slices = list(slices)
    family = "IPv4" if any(each.address_type == "IPv4" for each in slices) else "IPv6"
    ready: set[tuple[str, int]] = set()
    ending: set[tuple[str, int]] = set()
    for each in slices:
        if each.address_type != family:
            continue
        numbers = [port.port for port in each.ports if (port.name or "") == backend.port_name and port.port]
        for endpoint in each.endpoints:
            conditions = endpoint.conditions
            pairs = {(address, number) for address in endpoint.addresses[:1] for number in numbers if number}
            if conditions.ready is not False:
                ready |= pairs
            elif conditions.serving and conditions.terminating:
                ending |= pairs
    return sorted(ready or ending)
