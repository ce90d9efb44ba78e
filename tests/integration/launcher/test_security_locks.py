"""Locks are of files that only their owner can open: whoever can open one can hold it for ever."""

from __future__ import annotations

import stat
from pathlib import Path

from podling.launcher import claims, lock


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directorys_lock_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).touch(mode=0o644)
    with lock.taken(tmp_path):
        assert mode(tmp_path / lock.FILE) == 0o600


def test_so_is_that_of_the_machines_networks(tmp_path: Path) -> None:
    claims.claim(tmp_path, [], tmp_path / "networks.json")
    assert mode(tmp_path / "networks.lock") == 0o600
