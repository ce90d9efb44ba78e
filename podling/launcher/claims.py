"""Which network index belongs to which cluster directory, on this machine, for as long as the directory exists.

Two clusters must never share addresses or ports, even when they are not up at the same time: their
objects remember them.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from podling.launcher.plan import NETWORK_INDEXES, STATE_ROOT, first_port

CLAIMS_FILE = STATE_ROOT / "networks.json"


class NoneFree(Exception):
    """Every network index is taken."""


def claim(directory: Path, host_networks: Iterable[str], claims_file: Path = CLAIMS_FILE) -> int:
    """A network index for `directory`: its own from before, or the lowest free one. Raises NoneFree."""
    claims_file.parent.mkdir(parents=True, exist_ok=True)
    with claims_file.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        claims: dict[str, str] = json.loads(file.read() or "{}")
        index, kept = choose(claims, str(directory), list(host_networks), _exists, _port_is_free)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(kept))
    return index


def choose(
    claims: dict[str, str],
    directory: str,
    host_networks: list[str],
    exists: Callable[[str], bool],
    port_is_free: Callable[[int], bool],
) -> tuple[int, dict[str, str]]:
    """Pure: the index for `directory`, and the claims as they then are. Claims of directories that are gone lapse."""
    kept = {index: owner for index, owner in claims.items() if owner == directory or exists(owner)}
    own = [int(index) for index, owner in kept.items() if owner == directory]
    if own:
        return own[0], kept
    used = [ipaddress.ip_network(network, strict=False) for network in host_networks]
    for index in NETWORK_INDEXES:
        ours = ipaddress.ip_network(f"10.{128 + index}.0.0/16")
        taken = any(ours.overlaps(network) for network in used if network.version == 4 and network.prefixlen)
        if str(index) not in kept and not taken and port_is_free(first_port(index)):
            return index, {**kept, str(index): directory}
    raise NoneFree("all of 10.128.0.0/9 is in use on this machine: take a cluster down, or remove its directory")


def _exists(directory: str) -> bool:
    return Path(directory).is_dir()


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
