"""Where etcd is and how to prove who we are to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EtcdConfig:
    """`endpoints` are `host:port` or `unix:/path`; the three files are set together, or none of them (plain text)."""

    endpoints: tuple[str, ...]
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def parse_endpoint(text: str) -> tuple[str, bool]:
    """What to connect to and whether TLS was asked for. Raises ValueError.

    From `http(s)://host:port` or `host:port`, or `unix:///path` of a socket: who may open that is the file's to say.
    """
    scheme, separator, rest = text.strip().rstrip("/").rpartition("://")
    if scheme == "unix" and rest.startswith("/"):
        return f"unix:{rest}", False
    if separator and scheme not in ("http", "https"):
        raise ValueError(f"etcd endpoint {text!r} must begin with http://, https:// or unix:///")
    host, _, port = rest.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"etcd endpoint {text!r} is not of the form [http[s]://]HOST:PORT")
    return rest, scheme == "https"
