"""The ingress' flags."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from cluster import connection, daemon
from cluster.command_line import Parser
from ingress.xds.listeners import Bind

DESCRIPTION = "Tells Envoy what the cluster's Ingresses say (HTTP routing, TLS), and writes their status."


@dataclass(frozen=True, slots=True)
class IngressConfig:
    """address: where people reach the proxy; goes into the Ingresses' status. bind: where the proxy listens.

    default_certificate: chain and key for hosts without a certificate; None closes their connections.
    """

    daemon: daemon.DaemonConfig
    connection: connection.Connection
    address: str
    bind: Bind
    xds_socket: Path
    admin_socket: Path
    default_certificate: tuple[Path, Path] | None


def build_parser() -> argparse.ArgumentParser:
    parser = Parser("ingress", DESCRIPTION)
    parser.add_argument("--address", required=True, metavar="IP", help="where the proxy listens and people reach it")
    parser.add_argument("--http-port", type=int, default=80, metavar="N", help="for plain HTTP (%(default)s)")
    parser.add_argument("--https-port", type=int, default=443, metavar="N", help="for HTTPS (%(default)s)")
    parser.add_argument("--xds-socket", required=True, type=Path, metavar="PATH", help="made: where Envoy is told")
    parser.add_argument("--admin-socket", required=True, type=Path, metavar="PATH", help="Envoy's administration")
    parser.add_argument("--access-log", default="", metavar="FILE", help="a line for each request (default: none)")
    parser.add_argument(
        "--default-cert-file", type=Path, metavar="PEM", help="for hosts without a certificate (default: none)"
    )
    parser.add_argument("--default-key-file", type=Path, metavar="PEM", help="its key")
    connection.add_flags(parser)
    daemon.add_flags(parser)
    return parser


def from_args(args: argparse.Namespace) -> IngressConfig:
    """The config that `build_parser` parsed."""
    bind = Bind((args.address, args.http_port), (args.address, args.https_port), args.access_log)
    files = (args.default_cert_file, args.default_key_file)
    return IngressConfig(
        daemon.from_args(args),
        connection.from_args(args),
        args.address,
        bind,
        args.xds_socket,
        args.admin_socket,
        files if all(files) else None,
    )
