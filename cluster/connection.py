"""Where the API server is and who we are: flags, credentials and the gRPC channel.

Neighbours: `cluster.client` speaks over the channel opened here; `cluster.daemon` uses the same
certificate for the status server.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import grpc

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A dead peer must be noticed within seconds even when nothing is being said.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A restarted peer is back within a second; the default back-off would sleep through it.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A server's `host:port` and the PEM files of the identity to use towards it."""

    server: str
    ca_file: Path
    cert_file: Path
    key_file: Path


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--apiserver` and the identity's PEM files."""
    group = parser.add_argument_group("API server")
    group.add_argument("--apiserver", required=True, metavar="HOST:PORT", help="gRPC address of the API server")
    add_identity_flags(group)


def add_identity_flags(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--ca-file --cert-file --key-file`: this process's certificate, for calling and for being called."""
    parser.add_argument("--ca-file", required=True, type=Path, metavar="PEM", help="the cluster's authority")
    parser.add_argument("--cert-file", required=True, type=Path, metavar="PEM", help="this process's certificate")
    parser.add_argument("--key-file", required=True, type=Path, metavar="PEM", help="this process's private key")


def from_args(args: argparse.Namespace) -> Connection:
    """The connection that `add_flags` parsed."""
    return Connection(args.apiserver, args.ca_file, args.cert_file, args.key_file)


def open_channel(connection: Connection, *, server_name: str = "") -> grpc.aio.Channel:
    """Open a channel with mutual TLS.

    server_name: the name the server's certificate must carry, when it is not the host dialled.
    Raises OSError when a PEM file cannot be read. Connecting happens in the background.
    """
    credentials = grpc.ssl_channel_credentials(
        root_certificates=connection.ca_file.read_bytes(),
        private_key=connection.key_file.read_bytes(),
        certificate_chain=connection.cert_file.read_bytes(),
    )
    options: list[tuple[str, int | str]] = list(CHANNEL_OPTIONS)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.aio.secure_channel(connection.server, credentials, options=options)


def server_credentials(ca_file: Path, cert_file: Path, key_file: Path) -> grpc.ServerCredentials:
    """Credentials of a gRPC server that insists on client certificates of the cluster's authority."""
    pair = (key_file.read_bytes(), cert_file.read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=ca_file.read_bytes(), require_client_auth=True)
