"""How the command reaches a cluster: gRPC with the admin's certificate, both found in the cluster's directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cluster.connection import Connection
from podling.errors import CommandError


class _Address(msgspec.Struct):
    grpc: str


def connect(directory: Path) -> Connection:
    """The connection to the cluster in a directory. Raises CommandError when there is no cluster in it."""
    pki = directory / "pki"
    try:
        address = msgspec.json.decode((directory / "cluster.json").read_bytes(), type=_Address)
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(f"{directory} holds no cluster: start one with `podling up --dir {directory}`") from None
    except OSError as error:
        raise CommandError(f"cannot read {directory}/cluster.json: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise CommandError(f"cannot read {directory}/cluster.json: {error}") from None
    return Connection(address.grpc, pki / "ca.crt", pki / "admin.crt", pki / "admin.key")
