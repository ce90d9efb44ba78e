"""What one service needs in the kernel: Service and EndpointSlices in, items of the nftables table out.

Pure. A service without session affinity has no chain of its own: its address and port lead to a chain shared by all
services with as many endpoints (`pick-address-tcp/3`), which draws a number and looks the destination up in one map.
So adding, changing and removing a service are a few map elements, however many services there are.
A service with session affinity has chains, and per endpoint a set of the clients bound to it, aged by the kernel.

Neighbours: `kubeproxy.endpoints` chooses destinations; `kubeproxy.base_table` declares what is referred to here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from msgspec.structs import replace

from api.types import EndpointSlice, Service
from api.types.core_service import ServicePort
from kubeproxy.endpoints import CLUSTER, LOCAL, Destination, NodeView, Selection, select
from kubeproxy.ip_family import IPV4, IpFamily, family_of
from kubeproxy.items import AFFINITY_PREFIX, AffinitySet, Chain, Container, Element, Item
from kubeproxy.slots import arrange

# What carries one of these labels, Service or EndpointSlice, is another proxy's or nobody's (upstream's kube-proxy
# does not even ask for it).
NOT_OURS_LABELS = frozenset({"service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"})
DEFAULT_AFFINITY_SECONDS = 10_800
LOCAL_OFFSET = 65_536  # numbers of node-local destinations start here, after every possible other


class Flow(NamedTuple):
    """UDP packets that the kernel may have bound: from a frontend (address `""` for a node port) to a destination."""

    address: str
    port: int
    destination: Destination


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What a service needs.

    own: items of this service alone. shared: items that others may need too; their value follows from their name.
    rows: destinations in their numbered places, by port and scope. flows: what UDP connections may be bound to.
    without_local: traffic policies ("internal", "external") that are Local with no endpoint on this node.
    """

    own: dict[Item, str] = field(default_factory=dict)
    shared: dict[Item, str] = field(default_factory=dict)
    rows: dict[str, tuple[Destination, ...]] = field(default_factory=dict)
    flows: set[Flow] = field(default_factory=set)
    without_local: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of frontend: an address and port, or a port on any of the node's addresses. Names the maps it is in.

    addressed: whether the address is part of those maps' keys.
    """

    name: str
    addressed: bool
    ports: Container
    cluster_ports: Container
    endpoints_prefix: str
    idle: Container

    def endpoints(self, protocol: str) -> Container:
        return Container(f"{self.endpoints_prefix}{protocol}-endpoints")


ADDRESS = Family("address", True, Container.SERVICE_PORTS, Container.EXTERNAL_CLUSTER_PORTS, "", Container.IDLE_PORTS)
NODE = Family("node", False, Container.NODE_PORTS, Container.NODE_CLUSTER_PORTS, "node-", Container.IDLE_NODE_PORTS)


@dataclass(frozen=True, slots=True)
class Frontend:
    """Where a service port is reached, and how far its traffic may go.

    address: `""` for a node port. scope: CLUSTER, or LOCAL when the traffic policy keeps it on this node.
    external: traffic from outside the cluster. sources: the networks it may come from; none for everywhere.
    """

    family: Family
    address: str
    port: int
    protocol: str
    scope: str
    external: bool
    sources: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key in the family's maps by protocol and port."""
        return f"{self._prefix}{self.protocol} . {self.port}"

    def drawn_key(self, number: int) -> str:
        """The key of a numbered destination in the protocol's map of endpoints."""
        return f"{self._prefix}{self.port} . {number}"

    @property
    def _prefix(self) -> str:
        return f"{self.address} . " if self.address else ""


def cluster_ip(service: Service, family: IpFamily) -> str:
    """The service's cluster address of a family that kube-proxy is to serve; "" when there is none."""
    spec = service.spec
    if spec.type == "ExternalName" or not NOT_OURS_LABELS.isdisjoint(service.metadata.labels):
        return ""
    return family.first(spec.cluster_ips or [spec.cluster_ip])


def load_balancer_addresses(service: Service, family: IpFamily = IPV4) -> list[str]:
    """A family's addresses, sent on by a load balancer as they are; a proxy sends to a node port instead (KEP-1860)."""
    if service.spec.type != "LoadBalancer":
        return []
    ingress = service.status.load_balancer.ingress
    return _addresses((each.ip for each in ingress if each.ip_mode in (None, "VIP")), family)


def _addresses(given: Iterable[str], family: IpFamily) -> list[str]:
    """Those of a family, each once."""
    return list(dict.fromkeys(filter(None, map(family.canonical, given))))


def translate(
    service: Service,
    slices: Iterable[EndpointSlice],
    node: NodeView,
    previous: Mapping[str, tuple[Destination, ...]],
    cluster_ips: Sequence[IPv4Network | IPv6Network] = (),
    ip: IpFamily = IPV4,
) -> ServiceRules:
    """The items of one service on this node, of one IP family; none when kube-proxy has nothing to do for it.

    previous: the rows of the same service's last rules, so that destinations keep their numbers.
    cluster_ips: the networks of cluster IPs, none of which can be anybody's external one: whoever may write a service
    could draw another service's traffic to his own.
    """
    rules = ServiceRules()
    address = cluster_ip(service, ip)
    if address:
        service = _without(service, cluster_ips)
        slices = [each for each in slices if NOT_OURS_LABELS.isdisjoint(each.metadata.labels)]
        for port in service.spec.ports:
            selection = select(service, port, slices, node, ip)
            _PortTranslation(service, port, selection, rules, previous, address, ip).run()
    return rules


def _without(service: Service, cluster_ips: Sequence[IPv4Network | IPv6Network]) -> Service:
    """The service without external IPs that are cluster IPs."""
    external = service.spec.external_ips
    kept = [text for text in external if not (family_of(text).canonical(text) and _is_in(text, cluster_ips))]
    return service if kept == external else replace(service, spec=replace(service.spec, external_ips=kept))


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(ip_address(address) in network for network in networks)


def node_items(node: NodeView, ip: IpFamily = IPV4) -> dict[Item, str]:
    """What the node itself needs: the addresses on which node ports are open, and its pods'."""
    return {
        **{Element(Container.NODE_ADDRESSES, address): "" for address in _addresses(node.addresses, ip)},
        **{Element(Container.LOCAL_PODS, cidr): "" for cidr in node.pod_cidrs if ip.is_network(cidr)},
    }


class _PortTranslation:
    """Fills a service's rules with one port's part."""

    def __init__(
        self,
        service: Service,
        port: ServicePort,
        selection: Selection,
        rules: ServiceRules,
        previous: Mapping[str, tuple[Destination, ...]],
        cluster_ip: str,
        ip: IpFamily,
    ) -> None:
        self._spec = service.spec
        self._ip = ip
        self._cluster_ip = cluster_ip
        self._balanced = load_balancer_addresses(service, ip)
        self._port = port
        self._protocol = (port.protocol or "TCP").lower()
        self._name = f"{service.metadata.namespace}/{service.metadata.name}/{self._protocol}/{port.port}"
        self._affinity = f"{AFFINITY_PREFIX}{self._name}" if service.spec.session_affinity == "ClientIP" else ""
        self._rules = rules
        self._local_addresses = selection.local_addresses
        self._rows: dict[str, tuple[Destination, ...]] = {}
        for scope, wanted in ((CLUSTER, selection.cluster), (LOCAL, selection.local)):
            key = f"{self._name}/{scope}"
            self._rows[scope] = rules.rows[key] = arrange(previous.get(key, ()), wanted)

    def run(self) -> None:
        for frontend in self._frontends():
            if self._rows[CLUSTER]:
                self._add(frontend)
            else:
                self._rules.own[Element(frontend.family.idle, frontend.key)] = ""
        for address in self._local_addresses:
            self._rules.shared[Element(Container.HAIRPINS, f"{address} . {address}")] = ""
        if self._affinity:
            for destination in self._destinations():
                self._add_affinity_endpoint(destination)

    def _destinations(self) -> set[Destination]:
        return {*self._rows[CLUSTER], *self._rows[LOCAL]}

    def _frontends(self) -> Iterable[Frontend]:
        spec, port = self._spec, self._port
        internal = LOCAL if spec.internal_traffic_policy == LOCAL else CLUSTER
        external = LOCAL if spec.external_traffic_policy == LOCAL else CLUSTER
        yield Frontend(ADDRESS, self._cluster_ip, port.port, self._protocol, internal, external=False)
        for address in _addresses(spec.external_ips, self._ip):
            yield Frontend(ADDRESS, address, port.port, self._protocol, external, external=True)
        sources = tuple(self._ip.networks(spec.load_balancer_source_ranges))
        for address in self._balanced:
            yield Frontend(ADDRESS, address, port.port, self._protocol, external, external=True, sources=sources)
        if port.node_port:
            yield Frontend(NODE, "", port.node_port, self._protocol, external, external=True)

    def _add(self, frontend: Frontend) -> None:
        family, own = frontend.family, self._rules.own
        if not self._rows[frontend.scope]:
            self._rules.without_local.add("external" if frontend.external else "internal")
        own[Element(family.ports, frontend.key)] = self._guarded(frontend, self._verdict(frontend))
        if frontend.external and frontend.scope == LOCAL:
            own[Element(family.cluster_ports, frontend.key)] = f"goto {self._picker(family, CLUSTER)}"
        if not self._affinity:
            self._add_destinations(frontend)
        if self._protocol == "udp":
            for destination in self._destinations():
                self._rules.flows.add(Flow(frontend.address, frontend.port, destination))

    def _verdict(self, frontend: Frontend) -> str:
        family = frontend.family
        if frontend.external:
            chain = self._local_chain(family) if frontend.scope == LOCAL else self._masquerade_chain(family)
            return f"goto {chain}"
        return f"goto {self._picker(family, frontend.scope)}" if self._rows[frontend.scope] else "drop"

    def _guarded(self, frontend: Frontend, verdict: str) -> str:
        """The verdict for those who may ask; others are dropped (`spec.loadBalancerSourceRanges`)."""
        if not frontend.sources:
            return verdict
        name = f"sources/{self._name}/{_in_name(frontend.address)}"
        networks = ", ".join(frontend.sources)
        self._rules.own[Chain(name)] = f"{self._ip.nft} saddr != {{ {networks} }} drop\n{verdict}"
        return f"goto {name}"

    def _add_destinations(self, frontend: Frontend) -> None:
        if frontend.external and frontend.scope == LOCAL:
            self._add_row(frontend, CLUSTER, 0)
            self._add_row(frontend, LOCAL, LOCAL_OFFSET)
        else:
            self._add_row(frontend, frontend.scope, 0)

    def _add_row(self, frontend: Frontend, scope: str, offset: int) -> None:
        for number, destination in enumerate(self._rows[scope], offset):
            element = Element(frontend.family.endpoints(self._protocol), frontend.drawn_key(number))
            self._rules.own[element] = f"{destination.address} . {destination.port}"

    def _picker(self, family: Family, scope: str) -> str:
        """The chain that sends a packet to one of the scope's destinations."""
        if self._affinity:
            return self._affinity_chain(scope)
        count = len(self._rows[scope])
        name = f"pick-{family.name}-{self._protocol}/{count}"
        self._rules.shared[Chain(name)] = _draw(family, self._ip, self._protocol, count)
        return name

    def _masquerade_chain(self, family: Family) -> str:
        """The chain for outside traffic that may go anywhere: answers must come back through this node."""
        rules = f"jump mark-for-masquerade\ngoto {self._picker(family, CLUSTER)}"
        if self._affinity:
            name = f"{self._affinity}/masquerade"
            self._rules.own[Chain(name)] = rules
        else:
            name = f"masquerade-{family.name}-{self._protocol}/{len(self._rows[CLUSTER])}"
            self._rules.shared[Chain(name)] = rules
        return name

    def _local_chain(self, family: Family) -> str:
        """The chain for outside traffic that must stay here; what comes from within the cluster may go anywhere."""
        count = len(self._rows[LOCAL])
        if self._affinity:
            name = f"{self._affinity}/external-{family.name}"
            end = f"goto {self._picker(family, LOCAL)}" if count else "drop"
            self._rules.own[Chain(name)] = f"jump bypass-{family.name}\n{end}"
        else:
            name = f"local-{family.name}-{self._protocol}/{count}"
            end = _draw(family, self._ip, self._protocol, count, LOCAL_OFFSET) if count else "drop"
            self._rules.shared[Chain(name)] = f"jump bypass-{family.name}\n{end}"
        return name

    def _affinity_chain(self, scope: str) -> str:
        """Known clients go where they went; new ones draw."""
        name = f"{self._affinity}/{scope.lower()}"
        endpoints = [self._affinity_endpoint(destination) for destination in self._rows[scope]]
        rules = [f"{self._ip.nft} saddr @{endpoint} goto {endpoint}" for endpoint in endpoints]
        choices = ", ".join(f"{number} : goto {endpoint}" for number, endpoint in enumerate(endpoints))
        rules.append(f"numgen random mod {len(endpoints)} vmap {{ {choices} }}")
        rules.append(f"goto {endpoints[0]}")  # for a packet that meets these rules just as their map is taken away
        self._rules.own[Chain(name)] = "\n".join(rules)
        return name

    def _affinity_endpoint(self, destination: Destination) -> str:
        """The name of both the endpoint's chain and the set of clients bound to it."""
        return f"{self._affinity}/{_in_name(destination.address)}/{destination.port}"

    def _add_affinity_endpoint(self, destination: Destination) -> None:
        name = self._affinity_endpoint(destination)
        config = self._spec.session_affinity_config
        client = config.client_ip if config else None
        seconds = (client.timeout_seconds if client else None) or DEFAULT_AFFINITY_SECONDS
        ip = self._ip
        self._rules.own[AffinitySet(name)] = f"type {ip.address_type}; flags dynamic,timeout; size 65535;"
        self._rules.own[Chain(name)] = (
            f"update @{name} {{ {ip.nft} saddr timeout {seconds}s }}\n"
            f"meta l4proto {self._protocol} dnat {ip.nft} to {ip.with_port(*destination)}"
        )


def _in_name(address: str) -> str:
    """An address as part of a name, where nft takes no colons."""
    return address.replace(":", "-")


def _draw(family: Family, ip: IpFamily, protocol: str, count: int, offset: int = 0) -> str:
    """Rules that rewrite the destination to one of `count` by lot.

    The second rule catches a packet that drew a number just taken away: it was counted before a change of the table
    and looked up after it.
    """
    shift = f" offset {offset}" if offset else ""
    address = f"{ip.nft} daddr . " if family.addressed else ""
    lookup, endpoints = f"{address}{protocol} dport", family.endpoints(protocol)
    return "\n".join(
        f"dnat {ip.nft} to {lookup} . numgen random mod {modulus}{shift} map @{endpoints}"
        for modulus in dict.fromkeys((count, 1))
    )
