"""The API server's flags and the frozen config they become."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apiserver.etcd.config import EtcdConfig, parse_endpoint
from apiserver.registry.allocation import Ranges
from apiserver.storage.keys import DEFAULT_PREFIX
from cluster import daemon
from cluster.connection import add_identity_flags
from cluster.daemon import DaemonConfig, parse_address

DEFAULT_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiserverConfig:
    """Everything `apiserver.run` needs.

    rest_addresses, grpc_addresses: where to listen; advertise_address: the IP other hosts reach us at.
    service_account_key_files: the first signs, all verify.
    """

    daemon: DaemonConfig
    etcd: EtcdConfig
    etcd_prefix: str
    rest_addresses: tuple[Address, ...]
    grpc_addresses: tuple[Address, ...]
    advertise_address: str
    ranges: Ranges
    kubelet_client_cert_file: Path
    kubelet_client_key_file: Path
    service_account_issuer: str
    service_account_key_files: tuple[Path, ...]


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
        rest_addresses=args.rest_address,
        grpc_addresses=args.grpc_address,
        advertise_address=advertised,
        ranges=Ranges(args.service_cidr, first, last),
        kubelet_client_cert_file=args.kubelet_client_cert_file,
        kubelet_client_key_file=args.kubelet_client_key_file,
        service_account_issuer=args.service_account_issuer,
        service_account_key_files=tuple(args.service_account_key_file),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apiserver", description="Podling's API server.")
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--rest-address", required=True, type=_addresses, metavar="HOST:PORT[,...]", help="where HTTPS/JSON is served"
    )
    serving.add_argument(
        "--grpc-address", required=True, type=_addresses, metavar="HOST:PORT[,...]", help="where gRPC is served"
    )
    serving.add_argument(
        "--advertise-address",
        default=None,
        type=_ip,
        metavar="IP",
        help="the IP others reach this server at (default: the first --rest-address)",
    )
    add_identity_flags(serving)
    etcd = parser.add_argument_group("etcd")
    etcd.add_argument(
        "--etcd-endpoints",
        required=True,
        type=_endpoints,
        metavar="URL[,...]",
        help="http(s)://HOST:PORT of etcd's members",
    )
    etcd.add_argument("--etcd-ca-file", type=Path, metavar="PEM", help="the authority of etcd's certificates")
    etcd.add_argument("--etcd-cert-file", type=Path, metavar="PEM", help="the certificate to show to etcd")
    etcd.add_argument("--etcd-key-file", type=Path, metavar="PEM", help="its private key")
    etcd.add_argument("--etcd-prefix", default=DEFAULT_PREFIX, metavar="KEY", help="where objects stand in etcd")
    services = parser.add_argument_group("services")
    services.add_argument(
        "--service-cidr",
        default=_cidr("10.96.0.0/16"),
        type=_cidr,
        metavar="CIDR",
        help="where cluster IPs come from (default: 10.96.0.0/16)",
    )
    services.add_argument(
        "--service-node-port-range",
        default=(30000, 32767),
        type=_port_range,
        metavar="FIRST-LAST",
        help="where node ports come from (default: 30000-32767)",
    )
    identities = parser.add_argument_group("identities")
    identities.add_argument(
        "--kubelet-client-cert-file",
        required=True,
        type=Path,
        metavar="PEM",
        help="the certificate to show to kubelets",
    )
    identities.add_argument(
        "--kubelet-client-key-file", required=True, type=Path, metavar="PEM", help="its private key"
    )
    identities.add_argument(
        "--service-account-key-file",
        required=True,
        action="append",
        type=Path,
        metavar="PEM",
        help="key of service-account tokens; the first signs, further ones only verify",
    )
    identities.add_argument(
        "--service-account-issuer", default=DEFAULT_ISSUER, metavar="URL", help="who tokens say they are from"
    )
    daemon.add_flags(parser)
    return parser


def _addresses(text: str) -> tuple[Address, ...]:
    return tuple(parse_address(part) for part in text.split(","))


def _endpoints(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple(parse_endpoint(part) for part in text.split(","))


def _ip(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _cidr(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
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
