"""The fixed part of our nftables table: hooks, maps and sets that the services' items live in.

    prerouting, output (nat) → services → verdict by address and port → pick a destination → dnat
    input, forward, output (filter) → what is still addressed to a service has no endpoint → reject
    postrouting (nat) → masquerade what was marked, and what an endpoint sends to itself

Behaviour: upstream's nftables mode of kube-proxy, except that choosing is by shared chains and maps.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubeproxy.items import TABLE, Container

MASQUERADE_BIT = "0x4000"  # upstream's --iptables-masquerade-bit default, 14

_PORT_KEY = "ipv4_addr . inet_proto . inet_service"
_NODE_PORT_KEY = "inet_proto . inet_service"

_DECLARATIONS = {
    Container.SERVICE_PORTS: ("map", f"type {_PORT_KEY} : verdict;"),
    Container.EXTERNAL_CLUSTER_PORTS: ("map", f"type {_PORT_KEY} : verdict;"),
    Container.IDLE_PORTS: ("set", f"type {_PORT_KEY};"),
    Container.NODE_PORTS: ("map", f"type {_NODE_PORT_KEY} : verdict;"),
    Container.NODE_CLUSTER_PORTS: ("map", f"type {_NODE_PORT_KEY} : verdict;"),
    Container.IDLE_NODE_PORTS: ("set", f"type {_NODE_PORT_KEY};"),
    Container.NODE_ADDRESSES: ("set", "type ipv4_addr;"),
    Container.LOCAL_PODS: ("set", "type ipv4_addr; flags interval;"),
    Container.HAIRPINS: ("set", "type ipv4_addr . ipv4_addr;"),
}
for _protocol in ("tcp", "udp", "sctp"):
    # One map a protocol: nft 1.0.6 takes a port of any protocol (`th dport`) as a map's key, but not as its data.
    _drawn, _data = f"{_protocol} dport . numgen random mod 2", f"ip daddr . {_protocol} dport"
    _DECLARATIONS[Container(f"{_protocol}-endpoints")] = ("map", f"typeof ip daddr . {_drawn} : {_data};")
    _DECLARATIONS[Container(f"node-{_protocol}-endpoints")] = ("map", f"typeof {_drawn} : {_data};")


@dataclass(frozen=True, slots=True)
class Network:
    """service_cidr: where cluster IPs come from. dns_address: the one that this node answers itself, `""` for none."""

    service_cidr: str
    dns_address: str = ""


def base_table(network: Network, table: str = TABLE) -> str:
    """The table with everything but the services' items, in nft's syntax."""
    containers = [f"{kind} {name} {{ {body} }}" for name, (kind, body) in _DECLARATIONS.items()]
    blocks = [*containers, *_nat_chains(network), *_filter_chains(network), *_bypass_chains()]
    return "\n".join([f"table ip {table} {{", *blocks, "}"]) + "\n"


def _chain(name: str, *rules: str) -> str:
    return "\n".join([f"chain {name} {{", *(rule for rule in rules if rule), "}"])


def _nat_chains(network: Network) -> list[str]:
    answered_here = f"ip daddr {network.dns_address} return" if network.dns_address else ""
    bit = MASQUERADE_BIT
    return [
        _chain("mark-for-masquerade", f"meta mark set meta mark | {bit}"),
        _chain(
            "services",
            answered_here,
            "ip daddr . meta l4proto . th dport vmap @service-ports",
            "ip daddr @node-addresses meta l4proto . th dport vmap @node-ports",
        ),
        _chain(
            "nat-prerouting",
            "type nat hook prerouting priority dstnat; policy accept;",
            # Only this node's pods are sure to get their answers through this node without it.
            f"ip daddr {network.service_cidr} ip saddr != @local-pods jump mark-for-masquerade",
            "jump services",
        ),
        _chain("nat-output", "type nat hook output priority -100; policy accept;", "jump services"),
        _chain(
            "nat-postrouting",
            "type nat hook postrouting priority srcnat; policy accept;",
            f"meta mark & {bit} == {bit} meta mark set meta mark ^ {bit} masquerade fully-random",
            "ip saddr . ip daddr @hairpins masquerade fully-random",
        ),
    ]


def _filter_chains(network: Network) -> list[str]:
    return [
        _chain("refuse", "meta l4proto tcp reject with tcp reset", "reject with icmp type port-unreachable"),
        _chain(
            "refuse-idle",
            f"ip daddr {network.dns_address} return" if network.dns_address else "",
            "ip daddr . meta l4proto . th dport @idle-ports goto refuse",
            "ip daddr @node-addresses meta l4proto . th dport @idle-node-ports goto refuse",
            f"ip daddr {network.service_cidr} goto refuse",
        ),
        *(
            _chain(
                f"filter-{hook}",
                f"type filter hook {hook} priority filter; policy accept;",
                "ct state new jump refuse-idle",
            )
            for hook in ("input", "forward", "output")
        ),
    ]


def _bypass_chains() -> list[str]:
    """Traffic of this node and its pods takes no part in externalTrafficPolicy Local."""
    return [
        _chain(
            f"bypass-{family}",
            f"ip saddr @local-pods {lookup} vmap @{ports}",
            "fib saddr type local jump mark-for-masquerade",
            f"fib saddr type local {lookup} vmap @{ports}",
        )
        for family, lookup, ports in (
            ("address", "ip daddr . meta l4proto . th dport", Container.EXTERNAL_CLUSTER_PORTS),
            ("node", "meta l4proto . th dport", Container.NODE_CLUSTER_PORTS),
        )
    ]
