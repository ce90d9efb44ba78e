"""Which network index belongs to which cluster directory, on this machine, for as long as the directory exists.

Two clusters must never share addresses or ports, even when they are not up at the same time: their
objects remember them.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from podling.launcher.lock import PRIVATE
from podling.launcher.plan import NETWORK_INDEXES, STATE_ROOT, network
from podling.launcher.preflight import index_is_free

CLAIMS_FILE = STATE_ROOT / "networks.json"


class Refused(Exception):
    """No index can be had; the text says why."""


def claim(directory: Path, host_networks: Iterable[str], claims_file: Path = CLAIMS_FILE) -> int:
    """A network index for `directory`: its own from before, or the lowest free one. Raises Refused."""
    with _locked(claims_file):
        index, kept = choose(_read(claims_file), str(directory), list(host_networks), _exists, index_is_free)
        _write(claims_file, kept)
    return index


def renew(directory: Path, index: int, claims_file: Path = CLAIMS_FILE) -> None:
    """Claim again what `directory` was given, should the claims have been lost. Raises Refused."""
    with _locked(claims_file):
        claims = _read(claims_file)
        owner = claims.setdefault(str(index), str(directory))
        if owner != str(directory):
            raise Refused(f"{network(index)}, the network of {directory}, now belongs to the cluster in {owner}")
        _write(claims_file, claims)


def choose(
    claims: dict[str, str],
    directory: str,
    host_networks: list[str],
    exists: Callable[[str], bool],
    is_free: Callable[[int], bool],
) -> tuple[int, dict[str, str]]:
    """Pure: the index for `directory`, and the claims as they then are. Claims of directories that are gone lapse.

    is_free: whether the ports of an index are. Raises Refused.
    """
    kept = {index: owner for index, owner in claims.items() if owner == directory or exists(owner)}
    own = [int(index) for index, owner in kept.items() if owner == directory]
    if own:
        return own[0], kept
    used = [ipaddress.ip_network(each, strict=False) for each in host_networks]
    for index in NETWORK_INDEXES:
        ours = ipaddress.ip_network(network(index))
        taken = any(ours.overlaps(each) for each in used if each.version == 4 and each.prefixlen)
        if str(index) not in kept and not taken and is_free(index):
            return index, {**kept, str(index): directory}
    raise Refused("all of 10.128.0.0/9 is in use on this machine: take a cluster down, or remove its directory")


@contextlib.contextmanager
def _locked(claims_file: Path) -> Iterator[None]:
    claims_file.parent.mkdir(parents=True, exist_ok=True)
    with claims_file.with_suffix(".lock").open("w") as file:
        # Whoever can open it can lock it, and with that stop every `podling up` on the machine.
        os.fchmod(file.fileno(), PRIVATE)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(claims_file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(claims_file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise Refused(f"{claims_file} cannot be read: {error}; remove it, `podling up` writes it anew") from None


def _write(claims_file: Path, claims: dict[str, str]) -> None:
    temporary = claims_file.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(claims))
    temporary.replace(claims_file)


def _exists(directory: str) -> bool:
    return Path(directory).is_dir()
