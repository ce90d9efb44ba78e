"""kube-proxy's flags."""

from __future__ import annotations

import argparse
import ipaddress
from dataclasses import dataclass

from cluster import connection, daemon
from kubeproxy.base_table import Network

DESCRIPTION = "Balances Service traffic on one node with nftables rules, and answers the cluster's DNS."
DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """address, port: where to listen; the address is added to the node's loopback device. upstream: other servers."""

    address: str
    port: int
    domain: str
    upstream: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What one kube-proxy needs to know. dns: None when the cluster's DNS is elsewhere."""

    daemon: daemon.DaemonConfig
    connection: connection.Connection
    node_name: str
    network: Network
    dns: DnsConfig | None


def cidr(text: str) -> str:
    """An IPv4 network; host bits are cleared. Raises ValueError."""
    return str(ipaddress.IPv4Network(text, strict=False))


def server_address(text: str) -> tuple[str, int]:
    """`IP` or `IP:PORT`, the port being 53 when left out. Raises ValueError."""
    host, port = daemon.parse_address(text if ":" in text else f"{text}:{DNS_PORT}")
    return str(ipaddress.IPv4Address(host)), port


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubeproxy", description=DESCRIPTION)
    parser.add_argument("--node-name", required=True, help="the Node this process runs on")
    _add_network_flags(parser)
    parser.add_argument("--cluster-domain", default="cluster.local", help="the zone that DNS serves (%(default)s)")
    parser.add_argument(
        "--dns-upstream",
        type=server_address,
        action="append",
        default=[],
        metavar="IP[:PORT]",
        help="a server for names outside the cluster; may be repeated (default: none, such names are refused)",
    )
    connection.add_flags(parser)
    daemon.add_flags(parser)
    parser.epilog = "kubeproxy --cleanup [--cluster-dns IP] removes all rules and the DNS address, and exits."
    return parser


def build_cleanup_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubeproxy", description=DESCRIPTION)
    parser.add_argument("--cleanup", action="store_true", required=True, help="remove all rules and exit")
    _add_network_flags(parser)
    return parser


def _add_network_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster-cidr",
        type=cidr,
        default="",
        metavar="CIDR",
        help="all pods' addresses: reverse DNS names; this node's pods' while its Node object names none",
    )
    parser.add_argument(
        "--service-cidr",
        type=cidr,
        default="10.96.0.0/16",
        metavar="CIDR",
        help="the cluster IPs: traffic to one without a service or endpoint is refused (%(default)s)",
    )
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
        address, port = args.cluster_dns
        dns = DnsConfig(address, port, args.cluster_domain.strip(".").lower(), tuple(args.dns_upstream))
    network = Network(args.service_cidr, args.cluster_cidr, dns.address if dns else "")
    return ProxyConfig(daemon.from_args(args), connection.from_args(args), args.node_name, network, dns)
