"""kube-proxy's flags."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster import connection, daemon
from cluster.command_line import Parser
from kubeproxy.base_table import Network
from kubeproxy.endpoints import NodeView

DESCRIPTION = "Balances Service traffic on one node with nftables rules, and answers the cluster's DNS."
DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """address, port: where to listen; the address is added to the node's loopback device. upstream: other servers.

    stubs: servers for the names below a domain. sockets: inherited descriptors to serve instead of opening some, UDP
    and listening TCP; None for none.
    """

    address: str
    port: int
    domain: str
    upstream: tuple[tuple[str, int], ...]
    sockets: tuple[int, int] | None = None
    stubs: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What one kube-proxy needs to know.

    node: what is known of the node before its Node object is. dns: None when the cluster's DNS is elsewhere.
    networks: one, or one of each IP family in a dual-stack cluster, the primary's first.
    load_balancer_addresses: those that nodes answer for; none when they are not this process's business.
    """

    daemon: daemon.DaemonConfig
    connection: connection.Connection
    node: NodeView
    networks: tuple[Network, ...]
    dns: DnsConfig | None
    load_balancer_addresses: tuple[str, ...] = ()


def cidrs(text: str) -> tuple[str, ...]:
    """An IPv4 network, and maybe an IPv6 one; host bits are cleared. Raises ArgumentTypeError."""
    try:
        networks = [ipaddress.ip_network(word, strict=False) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 network like 10.0.0.0/16") from None
    if [network.version for network in networks] not in ([4], [4, 6]):
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 network, and maybe an IPv6 one after it")
    return tuple(map(str, networks))


def addresses(text: str) -> tuple[str, ...]:
    """An IPv4 address, and maybe an IPv6 one. Raises ArgumentTypeError."""
    try:
        given = [ipaddress.ip_address(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address") from None
    if [address.version for address in given] not in ([4], [4, 6]):
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address, and maybe an IPv6 one after it")
    return tuple(map(str, given))


def server_address(text: str) -> tuple[str, int]:
    """`IP` or `IP:PORT`, the port being 53 when left out. Raises ArgumentTypeError."""
    host, colon, port = text.partition(":")
    try:
        number = int(port) if colon else DNS_PORT
        if not 0 < number < 65536:
            raise ValueError(port)
        return str(ipaddress.IPv4Address(host)), number
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP or IP:PORT") from None


def stub_domain(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """`DOMAIN=IP[:PORT][,IP[:PORT]...]`. Raises ArgumentTypeError."""
    domain, equals, servers = text.partition("=")
    domain = domain.strip(".").lower()
    if not (domain and equals and servers):
        raise argparse.ArgumentTypeError(f"{text!r} is not DOMAIN=IP[:PORT]")
    return domain, tuple(server_address(server) for server in servers.split(","))


def descriptors(text: str) -> tuple[int, int]:
    """`FD,FD`. Raises ArgumentTypeError."""
    words = text.split(",")
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is not FD,FD")
    return int(words[0]), int(words[1])


def build_parser() -> argparse.ArgumentParser:
    parser = Parser("kubeproxy", DESCRIPTION)
    parser.add_argument("--node-name", required=True, metavar="NAME", help="the Node this process runs on")
    parser.add_argument(
        "--node-ip",
        type=addresses,
        default=(),
        metavar="IP[,IP]",
        help="takes node ports, with the addresses in the Node object; two, of both IP families, for dual-stack",
    )
    parser.add_argument(
        "--pod-cidr",
        type=cidrs,
        default=(),
        metavar="CIDR[,CIDR]",
        help="this node's pods: traffic from elsewhere to a cluster IP is masqueraded (default: what the Node says)",
    )
    parser.add_argument(
        "--service-cidr",
        type=cidrs,
        default="10.96.0.0/16",
        metavar="CIDR[,CIDR]",
        help="the cluster IPs: traffic to one without a service or endpoint is refused; two, of both IP families, for "
        "dual-stack (%(default)s)",
    )
    _add_dns_flag(parser)
    parser.add_argument("--cluster-domain", default="cluster.local", help="the zone that DNS serves (%(default)s)")
    parser.add_argument(
        "--dns-upstream",
        type=server_address,
        action="append",
        default=[],
        metavar="IP[:PORT]",
        help="a server for names outside the cluster; may be repeated (default: none, such names are refused)",
    )
    parser.add_argument(
        "--dns-stub-domain",
        type=stub_domain,
        action="append",
        default=[],
        metavar="DOMAIN=IP[:PORT],…",
        help="the servers for the names below a domain; may be repeated",
    )
    parser.add_argument(
        "--dns-sockets",
        type=descriptors,
        metavar="FD,FD",
        help="inherited sockets to serve DNS on, UDP and listening TCP: whoever keeps them open keeps the queries that "
        "come while this process restarts (default: open them)",
    )
    parser.add_argument(
        "--load-balancer-addresses",
        type=cidrs,
        default=(),
        metavar="CIDR[,CIDR]",
        help="answer on this node's link for those of these addresses whose Services name this node (default: none)",
    )
    connection.add_flags(parser)
    daemon.add_flags(parser)
    parser.epilog = "kubeproxy --cleanup [--cluster-dns IP] removes all rules and the DNS address, and exits."
    return parser


def build_cleanup_parser() -> argparse.ArgumentParser:
    parser = Parser("kubeproxy", DESCRIPTION)
    parser.add_argument("--cleanup", action="store_true", required=True, help="remove all rules and exit")
    _add_dns_flag(parser)
    return parser


def _add_dns_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster-dns",
        type=server_address,
        metavar="IP[:PORT]",
        help="serve the cluster's DNS on this address, on this node (default: do not)",
    )


def from_args(args: argparse.Namespace) -> ProxyConfig:
    """The config that `build_parser` parsed."""
    dns = None
    if args.cluster_dns is not None:
        host, port = args.cluster_dns
        domain = args.cluster_domain.strip(".").lower()
        dns = DnsConfig(host, port, domain, tuple(args.dns_upstream), args.dns_sockets, dict(args.dns_stub_domain))
    node = NodeView(
        args.node_name,
        addresses=args.node_ip,
        pod_cidrs=args.pod_cidr,
    )
    # The DNS is reached by IPv4 alone.
    primary, *second = args.service_cidr
    networks = (Network(primary, dns.address if dns else ""), *map(Network, second))
    return ProxyConfig(
        daemon.from_args(args), connection.from_args(args), node, networks, dns, args.load_balancer_addresses
    )
