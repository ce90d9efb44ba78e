"""Which address a Service gets, and which node answers for it. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from api.types import Endpoint, LoadBalancerIngress, LoadBalancerStatus, Node, Service

# The node that is to answer for the Service's addresses; kube-proxies go by it.
ANNOUNCER_ANNOTATION = "podling.io/load-balancer-node"
CLASS = "podling.io/bridge"
# Upstream's labels and taints that keep a node out (KEP-1143).
EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
TYPE = "LoadBalancer"
LOCAL = "Local"


Pool = ipaddress.IPv4Network | ipaddress.IPv6Network


class NoAddress(Exception):
    """Why a Service gets no address."""


def is_ours(service: Service) -> bool:
    """Of the type, and of no class or ours."""
    return service.spec.type == TYPE and service.spec.load_balancer_class in (None, CLASS)


def addresses_of(service: Service) -> list[str]:
    """The addresses it has."""
    return [ingress.ip for ingress in service.status.load_balancer.ingress if ingress.ip]


def choose_addresses(
    service: Service, pools: Sequence[Pool], used: Collection[str], reserved: Collection[str] = frozenset()
) -> list[str]:
    """An address of each of its IP families that there is a pool of. Raises NoAddress."""
    families = service.spec.ip_families or ["IPv4"]
    fitting = [pool for family in families for pool in pools if f"IPv{pool.version}" == family]
    if not fitting:
        raise NoAddress(f"its IP family is {', '.join(families)}, of which there is no pool")
    wanted = service.spec.load_balancer_ip
    if len(fitting) == 1 or not wanted:
        return [choose_address(service, pool, used, reserved) for pool in fitting]
    # The one address that can be asked for is of one family.
    unasked = replace(service, spec=replace(service.spec, load_balancer_ip=""))
    asks = [service if (pool.version == 6) == (":" in wanted) else unasked for pool in fitting]
    return [choose_address(each, pool, used, reserved) for each, pool in zip(asks, fitting, strict=True)]


def choose_address(service: Service, pool: Pool, used: Collection[str], reserved: Collection[str] = frozenset()) -> str:
    """The pool's address it has or asks for, else the first free one. Raises NoAddress."""
    wanted = service.spec.load_balancer_ip
    used = {*used, *reserved}
    if wanted:
        if not _within(wanted, pool):
            raise NoAddress(f"{wanted} is not in the pool {pool}")
        if wanted in reserved:
            raise NoAddress(f"{wanted} is the ingress' own")
        if wanted in used:
            raise NoAddress(f"{wanted} is another Service's")
        return wanted
    for current in addresses_of(service):
        if _within(current, pool) and current not in used:
            return current
    for candidate in pool.hosts():
        if str(candidate) not in used:
            return str(candidate)
    raise NoAddress(f"every address of the pool {pool} is in use")


def choose_node(service: Service, nodes: Iterable[Node], endpoints: Iterable[Endpoint], current: str) -> str:
    """The node that has it, while it can; else one by lot, the same for the same Service. "" when there is none.

    Behaviour: nodes must be ready and not excluded; with externalTrafficPolicy Local one of the Service's ready
    endpoints must be on them.
    """
    able = {node.metadata.name for node in nodes if _is_able(node)}
    if service.spec.external_traffic_policy == LOCAL:
        able &= {each.node_name for each in endpoints if each.node_name and each.conditions.ready is not False}
    if current in able:
        return current
    return min(able, key=lambda name: _lot(service, name), default="")


def announced(service: Service, addresses: Sequence[str], node: str) -> Service:
    """The Service with its addresses in its status and its node, if any, noted."""
    ingress = [LoadBalancerIngress(ip=address, ip_mode="VIP") for address in addresses]
    annotations = {key: text for key, text in service.metadata.annotations.items() if key != ANNOUNCER_ANNOTATION}
    if node:
        annotations[ANNOUNCER_ANNOTATION] = node
    return replace(
        service,
        metadata=replace(service.metadata, annotations=annotations),
        status=replace(service.status, load_balancer=LoadBalancerStatus(ingress=ingress)),
    )


def _within(text: str, pool: Pool) -> bool:
    try:
        return ipaddress.ip_address(text) in pool
    except ValueError:
        return False


def _is_able(node: Node) -> bool:
    if EXCLUDED_LABEL in node.metadata.labels or node.metadata.deletion_timestamp is not None:
        return False
    return any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)


def _lot(service: Service, node: str) -> bytes:
    return hashlib.blake2b(f"{service.metadata.uid}/{node}".encode(), digest_size=8).digest()
