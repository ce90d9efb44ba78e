"""Which endpoints a service port may be sent to, as seen from one node.

Pure: EndpointSlices and the node's view of itself in, destinations out. Neighbour: `kubeproxy.translate` turns the
destinations into rules.

Behaviour: upstream's service topology (ready endpoints, hints, then terminating ones that still serve) and the
EndpointSlice API's reading of unset conditions (ready and serving count as true, terminating as false).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from api.types import EndpointSlice, Node, Service
from api.types.core_service import ServicePort
from api.types.discovery import Endpoint
from kubeproxy.ip_family import IPV4, IPV6, IpFamily, family_of

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
ZONE_LABEL = "topology.kubernetes.io/zone"
CLUSTER = "Cluster"  # the two values of both traffic policies
LOCAL = "Local"


class Destination(NamedTuple):
    """Where a connection ends up: an address and a port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class NodeView:
    """What a node knows of itself.

    zone: `""` if none. addresses: those that take node ports. pod_cidrs: its own pods' addresses. Both of any family.
    """

    name: str
    zone: str = ""
    addresses: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()

    def with_object(self, node: Node | None) -> NodeView:
        """The view with what the Node object adds: zone, further addresses, pod CIDRs if they were not known."""
        if node is None:
            return self
        named = (a.address for a in node.status.addresses if a.type in ("InternalIP", "ExternalIP"))
        known = (family_of(address).canonical(address) for address in named)
        addresses = tuple(sorted({*self.addresses, *filter(None, known)}))
        given = node.spec.pod_cidrs or [node.spec.pod_cidr]
        cidrs = tuple(cidr for cidr in given if IPV4.is_network(cidr) or IPV6.is_network(cidr))
        return NodeView(self.name, node.metadata.labels.get(ZONE_LABEL, ""), addresses, self.pod_cidrs or cidrs)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint of one service port.

    zones, nodes: the hints' zones and nodes; empty when the endpoint carries no such hint.
    """

    destination: Destination
    ready: bool
    serving_terminating: bool
    local: bool
    zones: frozenset[str]
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Destinations in a stable order.

    cluster: for traffic that may go anywhere; local: for traffic that must stay on this node.
    local_addresses: the addresses of those of both that are on this node.
    """

    cluster: tuple[Destination, ...]
    local: tuple[Destination, ...]
    local_addresses: frozenset[str]


def select(
    service: Service, port: ServicePort, slices: Iterable[EndpointSlice], node: NodeView, family: IpFamily = IPV4
) -> Selection:
    """The destinations of one port of a service, of one IP family.

    Ready endpoints, reduced by topology hints for cluster traffic; where there are none, those that terminate but
    still serve (upstream KEP-1669).
    """
    candidates = _candidates(service, port, slices, node, family)
    ready = _near([c for c in candidates if c.ready], node)
    cluster = ready or [c for c in candidates if c.serving_terminating]
    own = [c for c in candidates if c.local]
    local = [c for c in own if c.ready] or [c for c in own if c.serving_terminating]
    return Selection(
        tuple(c.destination for c in cluster),
        tuple(c.destination for c in local),
        frozenset(c.destination.address for c in (*cluster, *local) if c.local),
    )


def _candidates(
    service: Service, port: ServicePort, slices: Iterable[EndpointSlice], node: NodeView, family: IpFamily
) -> list[Candidate]:
    """Each destination once, in order; a ready mention of it beats one that is not."""
    found: dict[Destination, Candidate] = {}
    publish_all = service.spec.publish_not_ready_addresses
    for slice_ in slices:
        number = _port_number(slice_, port)
        if slice_.address_type != family.name or number is None:
            continue
        for endpoint in slice_.endpoints:
            candidate = _candidate(endpoint, number, publish_all, node, family)
            if candidate is None:
                continue
            known = found.get(candidate.destination)
            if known is None or (candidate.ready and not known.ready):
                found[candidate.destination] = candidate
    return [found[destination] for destination in sorted(found)]


def _port_number(slice_: EndpointSlice, port: ServicePort) -> int | None:
    """The slice's number for the service port of the same name and protocol."""
    protocol = port.protocol or "TCP"
    for slice_port in slice_.ports:
        if (slice_port.name or "") == port.name and (slice_port.protocol or "TCP") == protocol:
            number = slice_port.port
            # The API checks no more than that it is a number; one that is no port would spoil a whole transaction.
            return number if number is not None and 0 < number < 65_536 else None
    return None


def _candidate(
    endpoint: Endpoint, number: int, publish_all: bool, node: NodeView, family: IpFamily
) -> Candidate | None:
    address = family.canonical(endpoint.addresses[0]) if endpoint.addresses else ""
    if not address:
        return None
    conditions = endpoint.conditions
    hints = endpoint.hints
    return Candidate(
        Destination(address, number),
        ready=publish_all or conditions.ready is not False,
        serving_terminating=bool(conditions.terminating) and conditions.serving is not False,
        local=endpoint.node_name == node.name,
        zones=frozenset(zone.name for zone in hints.for_zones) if hints else frozenset(),
        nodes=frozenset(named.name for named in hints.for_nodes) if hints else frozenset(),
    )


def _near(ready: list[Candidate], node: NodeView) -> list[Candidate]:
    """Those hinted at this node, else at its zone; all of them when any lacks the hint or none is meant for here."""
    if ready and all(c.nodes for c in ready):
        here = [c for c in ready if node.name in c.nodes]
        if here:
            return here
    if node.zone and all(c.zones for c in ready):
        here = [c for c in ready if node.zone in c.zones]
        if here:
            return here
    return ready
