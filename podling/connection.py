"""How the command reaches a cluster: gRPC with the admin's certificate, both found in the cluster's directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cluster.connection import Connection
from podling.errors import CommandError
from podling.launcher.plan import Port, first_port


class _Address(msgspec.Struct):
    grpc: str
    network_index: int = 0


def connect(directory: Path) -> Connection:
    """The connection to the API server of the cluster in a directory. Raises CommandError when there is none in it."""
    return _as_admin(directory, _address(directory).grpc)


def connect_scheduler(directory: Path) -> Connection:
    """The connection to the scheduler of the cluster in a directory. Raises CommandError when there is none in it."""
    port = first_port(_address(directory).network_index) + Port.SCHEDULER_GRPC
    return _as_admin(directory, f"127.0.0.1:{port}")


def _as_admin(directory: Path, server: str) -> Connection:
    pki = directory / "pki"
    return Connection(server, pki / "ca.crt", pki / "admin.crt", pki / "admin.key")


def _address(directory: Path) -> _Address:
    try:
        return msgspec.json.decode((directory / "cluster.json").read_bytes(), type=_Address)
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(f"{directory} holds no cluster: start one with `podling up --dir {directory}`") from None
    except OSError as error:
        raise CommandError(f"cannot read {directory}/cluster.json: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise CommandError(f"cannot read {directory}/cluster.json: {error}") from None
