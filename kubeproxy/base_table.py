"""The fixed part of our nftables table: hooks, maps and sets that the services' items live in.

    prerouting, output (nat) → services → verdict by address and port → pick a destination → dnat
    input, forward, output (filter) → what is still addressed to a service has no endpoint → reject
    postrouting (nat) → masquerade what was marked, and what an endpoint sends to itself

Behaviour: upstream's nftables mode of kube-proxy, except that choosing is by shared chains and maps.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubeproxy.ip_family import IPV6, IpFamily, family_of
from kubeproxy.items import TABLE, Container

MASQUERADE_BIT = "0x4000"  # upstream's --iptables-masquerade-bit default, 14

POD_LINKS = "veth*"  # the node's ends of its pods' links, as the kubelet names them
_NODE_PORT_KEY = "inet_proto . inet_service"


@dataclass(frozen=True, slots=True)
class Network:
    """service_cidr: where cluster IPs come from. dns_address: the one that this node answers itself, `""` for none."""

    service_cidr: str
    dns_address: str = ""

    @property
    def family(self) -> IpFamily:
        return family_of(self.service_cidr)


def base_table(network: Network, table: str = TABLE) -> str:
    """The table with everything but the services' items, in nft's syntax."""
    ip = network.family
    containers = [f"{kind} {name} {{ {body} }}" for name, (kind, body) in _declarations(ip).items()]
    blocks = [*containers, *_nat_chains(network), *_filter_chains(network), *_bypass_chains(ip), *_source_chains(ip)]
    return "\n".join([f"table {ip.nft} {table} {{", *blocks, "}"]) + "\n"


def _declarations(ip: IpFamily) -> dict[Container, tuple[str, str]]:
    """Maps and sets: what they are, and what is in them."""
    address = ip.address_type
    port_key = f"{address} . inet_proto . inet_service"
    declarations = {
        Container.SERVICE_PORTS: ("map", f"type {port_key} : verdict;"),
        Container.EXTERNAL_CLUSTER_PORTS: ("map", f"type {port_key} : verdict;"),
        Container.IDLE_PORTS: ("set", f"type {port_key};"),
        Container.NODE_PORTS: ("map", f"type {_NODE_PORT_KEY} : verdict;"),
        Container.NODE_CLUSTER_PORTS: ("map", f"type {_NODE_PORT_KEY} : verdict;"),
        Container.IDLE_NODE_PORTS: ("set", f"type {_NODE_PORT_KEY};"),
        Container.NODE_ADDRESSES: ("set", f"type {address};"),
        Container.LOCAL_PODS: ("set", f"type {address}; flags interval;"),
        Container.SERVICE_NETWORKS: ("set", f"type {address}; flags interval;"),
        Container.HAIRPINS: ("set", f"type {address} . {address};"),
    }
    for protocol in ("tcp", "udp", "sctp"):
        # One map a protocol: nft 1.0.6 takes a port of any protocol (`th dport`) as a map's key, but not as its data.
        drawn, data = f"{protocol} dport . numgen random mod 2", f"{ip.nft} daddr . {protocol} dport"
        declarations[Container(f"{protocol}-endpoints")] = ("map", f"typeof {ip.nft} daddr . {drawn} : {data};")
        declarations[Container(f"node-{protocol}-endpoints")] = ("map", f"typeof {drawn} : {data};")
    return declarations


def _chain(name: str, *rules: str) -> str:
    return "\n".join([f"chain {name} {{", *(rule for rule in rules if rule), "}"])


def _nat_chains(network: Network) -> list[str]:
    ip = network.family.nft
    answered_here = f"{ip} daddr {network.dns_address} return" if network.dns_address else ""
    bit = MASQUERADE_BIT
    return [
        _chain("mark-for-masquerade", f"meta mark set meta mark | {bit}"),
        _chain(
            "services",
            answered_here,
            f"{ip} daddr . meta l4proto . th dport vmap @service-ports",
            f"{ip} daddr @node-addresses meta l4proto . th dport vmap @node-ports",
        ),
        _chain(
            "nat-prerouting",
            "type nat hook prerouting priority dstnat; policy accept;",
            # Only this node's pods are sure to get their answers through this node without it.
            f"{ip} daddr @service-networks {ip} saddr != @local-pods jump mark-for-masquerade",
            "jump services",
        ),
        _chain("nat-output", "type nat hook output priority -100; policy accept;", "jump services"),
        _chain(
            "nat-postrouting",
            "type nat hook postrouting priority srcnat; policy accept;",
            f"meta mark & {bit} == {bit} meta mark set meta mark ^ {bit} masquerade fully-random",
            f"{ip} saddr . {ip} daddr @hairpins masquerade fully-random",
        ),
    ]


def _filter_chains(network: Network) -> list[str]:
    ip = network.family.nft
    return [
        _chain("refuse", "meta l4proto tcp reject with tcp reset", f"reject with {network.family.unreachable}"),
        _chain(
            "refuse-idle",
            f"{ip} daddr {network.dns_address} return" if network.dns_address else "",
            f"{ip} daddr . meta l4proto . th dport @idle-ports goto refuse",
            f"{ip} daddr @node-addresses meta l4proto . th dport @idle-node-ports goto refuse",
            f"{ip} daddr @service-networks goto refuse",
        ),
        *(
            _chain(
                f"filter-{hook}",
                f"type filter hook {hook} priority filter; policy accept;",
                # What the kernel cannot place in its connection it does not translate back: the client would answer
                # the endpoint's bare address with a reset, and so end a connection that is well.
                "ct state invalid drop" if hook == "forward" else "",
                "ct state new jump refuse-idle",
            )
            for hook in ("input", "forward", "output")
        ),
    ]


def _bypass_chains(ip: IpFamily) -> list[str]:
    """Traffic of this node and its pods takes no part in externalTrafficPolicy Local."""
    return [
        _chain(
            f"bypass-{family}",
            f"{ip.nft} saddr @local-pods {lookup} vmap @{ports}",
            "fib saddr type local jump mark-for-masquerade",
            f"fib saddr type local {lookup} vmap @{ports}",
        )
        for family, lookup, ports in (
            ("address", f"{ip.nft} daddr . meta l4proto . th dport", Container.EXTERNAL_CLUSTER_PORTS),
            ("node", "meta l4proto . th dport", Container.NODE_CLUSTER_PORTS),
        )
    ]


def _source_chains(ip: IpFamily) -> list[str]:
    """A pod sends from its own addresses only: for IPv4 the kubelet has the kernel see to that, for IPv6 it cannot."""
    if ip is not IPV6:
        return []
    hook = "type filter hook prerouting priority raw; policy accept;"
    return [_chain("check-sources", hook, f'iifname "{POD_LINKS}" fib saddr . iif oif missing drop')]
