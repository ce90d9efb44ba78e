"""Processes that cannot die yet: what holds them is taken away while they are waited for."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from cluster.cgroups import Cgroups
from podling.launcher import cgroups


class Held:
    """One process, which waits for a frozen file system: a kill helps only once that is thawed."""

    v1: dict[str, Path] = {}

    def __init__(self) -> None:
        self.frozen = True
        self.kills = 0

    def kill(self, path: str) -> int:
        self.kills += 1
        return int(self.frozen)

    def remove(self, path: str) -> bool:
        return not self.frozen

    def pids(self, path: str) -> list[int]:
        return [1] if self.frozen else []


def test_what_holds_a_killed_process_is_taken_away() -> None:
    held = Held()

    def thaw() -> None:
        assert held.kills > 0, "thawed before it was killed, it would go on"
        held.frozen = False

    cgroups.empty(cast(Cgroups, held), "/c", thaw)
    assert held.kills == 2
