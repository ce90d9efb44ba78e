"""The API server's flags and the frozen config they become."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apiserver.etcd.config import EtcdConfig, parse_endpoint
from apiserver.registry.allocation import Network, Ranges
from apiserver.storage.keys import DEFAULT_PREFIX
from cluster import daemon
from cluster.command_line import Parser
from cluster.connection import add_identity_flags
from cluster.daemon import DaemonConfig, parse_address

DEFAULT_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
DEFAULT_SERVICE_CIDR: Final = "10.96.0.0/16"
DEFAULT_NODE_PORTS: Final = "30000-32767"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiserverConfig:
    """Everything `apiserver.run` needs.

    etcd_exclusive: nobody else writes to this etcd.
    rest_addresses, grpc_addresses: where to listen; advertise_address: the IP other hosts reach us at.
    service_account_key_files: the first signs, all verify. token_auth_file: static tokens, if any.
    """

    daemon: DaemonConfig
    etcd: EtcdConfig
    etcd_prefix: str
    etcd_exclusive: bool
    rest_addresses: tuple[Address, ...]
    grpc_addresses: tuple[Address, ...]
    advertise_address: str
    ranges: Ranges
    kubelet_client_cert_file: Path
    kubelet_client_key_file: Path
    service_account_issuer: str
    service_account_key_files: tuple[Path, ...]
    token_auth_file: Path | None


def parse(arguments: Sequence[str] | None = None) -> ApiserverConfig:
    """Parse a command line; a wrong one ends the process with usage, as argparse does."""
    parser = _parser()
    args = parser.parse_args(arguments)
    secure = {tls for _, tls in args.etcd_endpoints}
    if len(secure) > 1:
        parser.error("--etcd-endpoints: all must be https, or none")
    if secure == {True} and args.etcd_ca_file is None:
        parser.error("--etcd-endpoints: https needs --etcd-ca-file")
    if (args.etcd_cert_file is None) != (args.etcd_key_file is None):
        parser.error("--etcd-cert-file and --etcd-key-file belong together")
    etcd = EtcdConfig(
        tuple(endpoint for endpoint, _ in args.etcd_endpoints),
        args.etcd_ca_file if True in secure else None,
        args.etcd_cert_file,
        args.etcd_key_file,
    )
    advertised = args.advertise_address or args.rest_address[0][0]
    try:
        if ipaddress.ip_address(advertised).is_unspecified:
            parser.error(f"--advertise-address: nobody can reach {advertised}")
    except ValueError:
        parser.error("--advertise-address is needed when the first --rest-address has a name for a host")
    first, last = args.service_node_port_range
    return ApiserverConfig(
        daemon=daemon.from_args(args),
        etcd=etcd,
        etcd_prefix=args.etcd_prefix,
        etcd_exclusive=args.etcd_exclusive == "true",
        rest_addresses=args.rest_address,
        grpc_addresses=args.grpc_address,
        advertise_address=advertised,
        ranges=Ranges(args.service_cidr[0], first, last, *args.service_cidr[1:]),
        kubelet_client_cert_file=args.kubelet_client_cert_file,
        kubelet_client_key_file=args.kubelet_client_key_file,
        service_account_issuer=args.service_account_issuer,
        service_account_key_files=tuple(args.service_account_key_file),
        token_auth_file=args.token_auth_file,
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser("apiserver", "Podling's API server.")
    _add_serving(parser.add_argument_group("serving"))
    _add_etcd(parser.add_argument_group("etcd"))
    _add_services(parser.add_argument_group("services"))
    _add_identities(parser.add_argument_group("identities"))
    daemon.add_flags(parser)
    return parser


def _add_serving(group: argparse._ArgumentGroup) -> None:
    addresses: dict[str, Any] = {"required": True, "type": _addresses, "metavar": "HOST:PORT[,...]"}
    group.add_argument("--rest-address", help="where HTTPS/JSON is served", **addresses)
    group.add_argument("--grpc-address", help="where gRPC is served", **addresses)
    advertise = "the IP others reach this server at (default: the first --rest-address)"
    group.add_argument("--advertise-address", type=_ip, metavar="IP", help=advertise)
    add_identity_flags(group)


def _add_etcd(group: argparse._ArgumentGroup) -> None:
    members = "http(s)://HOST:PORT of etcd's members, or unix:///PATH"
    group.add_argument("--etcd-endpoints", required=True, type=_endpoints, metavar="URL[,...]", help=members)
    _add_file(group, "--etcd-ca-file", "the authority of etcd's certificates", required=False)
    _add_file(group, "--etcd-cert-file", "the certificate to show to etcd", required=False)
    _add_file(group, "--etcd-key-file", "its private key", required=False)
    exclusive = (
        "whether no other API server writes to this etcd, so that it need not be asked before every consistent read"
    )
    group.add_argument("--etcd-exclusive", choices=("true", "false"), default="false", help=exclusive)
    group.add_argument("--etcd-prefix", default=DEFAULT_PREFIX, metavar="KEY", help="where objects stand in etcd")


def _add_services(group: argparse._ArgumentGroup) -> None:
    cidr = f"where cluster IPs come from; two, of both IP families, for dual-stack (default: {DEFAULT_SERVICE_CIDR})"
    group.add_argument(
        "--service-cidr",
        "--service-cluster-ip-range",
        default=DEFAULT_SERVICE_CIDR,
        type=_cidrs,
        metavar="CIDR[,CIDR]",
        help=cidr,
    )
    ports = f"where node ports come from (default: {DEFAULT_NODE_PORTS})"
    group.add_argument(
        "--service-node-port-range", default=DEFAULT_NODE_PORTS, type=_port_range, metavar="FIRST-LAST", help=ports
    )


def _add_identities(group: argparse._ArgumentGroup) -> None:
    _add_file(group, "--kubelet-client-cert-file", "the certificate to show to kubelets")
    _add_file(group, "--kubelet-client-key-file", "its private key")
    keys = "key of service-account tokens; the first signs, further ones only verify"
    group.add_argument(
        "--service-account-key-file", required=True, action="append", type=Path, metavar="PEM", help=keys
    )
    tokens = 'static bearer tokens, one a line: TOKEN,USER,UID,"GROUP,..."'
    group.add_argument("--token-auth-file", type=Path, metavar="CSV", help=tokens)
    issuer = "who tokens say they are from"
    group.add_argument("--service-account-issuer", default=DEFAULT_ISSUER, metavar="URL", help=issuer)


def _add_file(group: argparse._ArgumentGroup, flag: str, what: str, *, required: bool = True) -> None:
    group.add_argument(flag, required=required, type=Path, metavar="PEM", help=what)


def _addresses(text: str) -> tuple[Address, ...]:
    return tuple(parse_address(part) for part in text.split(","))


def _endpoints(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple(parse_endpoint(part) for part in text.split(","))


def _ip(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _cidrs(text: str) -> tuple[Network, ...]:
    networks = tuple(map(_cidr, text.split(",")))
    if len(networks) > 2 or len({network.version for network in networks}) != len(networks):
        raise ValueError(f"{text} is more than one network of an IP family")
    return networks


def _cidr(text: str) -> Network:
    network = ipaddress.ip_network(text)
    if network.num_addresses < 8:
        raise ValueError(f"{text} has no room for Services")
    return network


def _port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    bounds = int(first), int(last)
    if not 0 < bounds[0] <= bounds[1] < 65536:
        raise ValueError(f"{text!r} is not a range of ports")
    return bounds
