"""Where a proxied request goes: to a pod, to an endpoint of a Service, to a node's own port.

Behaviour and wording follow upstream's pod, service and node registries (ResourceLocation).
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api import errors
from api.types import Endpoints, EndpointSubset, Node, Pod, Service
from apiserver.auth.user import User
from apiserver.handler import Handler
from apiserver.registry.registry import Registry
from apiserver.requests import Attributes

RESOURCES: Final = frozenset({"nodes", "pods", "services"})
_SCHEMES: Final = ("", "http", "https")


@dataclass(frozen=True, slots=True)
class Target:
    """An address of the cluster. kubelet: the node whose kubelet it is, which wants to see our certificate."""

    scheme: str
    host: str
    port: int
    kubelet: str = ""

    @property
    def authority(self) -> str:
        """HOST:PORT, as URLs have it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reference:
    """`[SCHEME:]NAME[:PORT]`, as the URL names what is proxied to."""

    scheme: str
    name: str
    port: str


def parse(kind: str, text: str) -> Reference:
    """Raises `BadRequest`."""
    parts = text.split(":")
    scheme, name, port = "", "", ""
    if len(parts) == 1:
        (name,) = parts
    elif len(parts) == 2:
        name, port = parts
    elif len(parts) == 3:
        scheme, name, port = parts
    if not name or scheme not in _SCHEMES:
        raise errors.BadRequest(f'invalid {kind} request "{text}"')
    return Reference(scheme, name, port)


class ProxyTargets:
    """`registries` are those of pods, services, endpoints and nodes."""

    def __init__(self, handler: Handler, registries: Mapping[str, Registry]) -> None:
        self._handler = handler
        self._registries = registries

    async def locate(self, user: User, verb: str, resource: str, namespace: str, name: str) -> Target:
        """Authorize and find the address. Raises `StatusError`."""
        self._handler.authorize(Attributes(user, verb, "", "v1", resource, "proxy", namespace=namespace, name=name))
        reference = parse(resource[:-1], name)
        found = (await self._registries[resource].get(namespace, reference.name)).record
        if resource == "pods":
            return of_pod(found, reference)
        if resource == "nodes":
            return of_node(found, reference)
        endpoints = (await self._registries["endpoints"].get(namespace, reference.name)).record
        return of_service(found, endpoints, reference)


def of_pod(pod: Pod, reference: Reference) -> Target:
    """Without a port: the first that a container declares."""
    declared = next((container.ports[0].container_port for container in pod.spec.containers if container.ports), 0)
    port = _number(reference.port) if reference.port else declared
    scheme = reference.scheme or "http"
    return Target(scheme, _allowed(pod.status.pod_ip), port or (443 if scheme == "https" else 80))


def of_node(node: Node, reference: Reference) -> Target:
    """Without a port, or with the kubelet's: its kubelet."""
    address = next((each.address for each in node.status.addresses if each.type == "InternalIP"), "")
    kubelet = node.status.daemon_endpoints.kubelet_endpoint.port
    port = _number(reference.port) if reference.port else kubelet
    if port == kubelet:
        return Target("https", _allowed(address), port, kubelet=node.metadata.name)
    return Target(reference.scheme or "http", _allowed(address), port)


def of_service(service: Service, endpoints: Endpoints, reference: Reference) -> Target:
    """Some ready address behind a port, named or given as the Service's number."""
    name, port = service.metadata.name, reference.port
    if port.isdecimal():
        named = [each.name for each in service.spec.ports if each.port == int(port)]
        if not named:
            raise errors.ServiceUnavailable(f'no service port {port} found for service "{name}"')
        port = named[0]
    choices = [choice for subset in endpoints.subsets for choice in _choices(subset, port)]
    if not choices:
        raise errors.ServiceUnavailable(f'no endpoints available for service "{name}"')
    host, number = random.choice(choices)
    return Target(reference.scheme or "http", _allowed(host), number)


def _choices(subset: EndpointSubset, port: str) -> Sequence[tuple[str, int]]:
    return [(address.ip, each.port) for each in subset.ports if each.name == port for address in subset.addresses]


def _number(port: str) -> int:
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise errors.BadRequest(f'invalid port "{port}"')
    return int(port)


def _allowed(address: str) -> str:
    """Nothing of the API server's own machine: whoever writes statuses could otherwise have it asked."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise errors.BadRequest("address not allowed") from None
    if isinstance(parsed, ipaddress.IPv6Address):
        # ::ffff:127.0.0.1 is 127.0.0.1 for the kernel.
        parsed = parsed.ipv4_mapped or parsed
    if parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
        raise errors.BadRequest("address not allowed")
    return address
