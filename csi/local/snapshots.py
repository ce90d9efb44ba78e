"""The snapshots on this node's disk: DIR/snapshots/ID/{image,snapshot.json}. Blocking: callers run it in threads.

A snapshot is a copy of a volume's image, as it was at one moment: the file system is frozen for the time of the copy,
which takes none where the disk can share blocks (XFS, btrfs); elsewhere what is not a hole is copied.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from csi.local.records import ABSENT, VolumeProblem, identified, sweep, write


@dataclass(frozen=True, slots=True)
class Origin:
    """What a volume is a copy of. name: for people."""

    name: str
    image: Path
    capacity_bytes: int
    formatted_bytes: int
    kind: str


@dataclass(frozen=True, slots=True)
class LocalSnapshot:
    """volume: what it was taken of. kind and bytes: as the volume's. created_ns: nanoseconds since the epoch.

    shared: it has blocks in common with its volume, which may come to need blocks of its own.
    """

    id: str
    volume: str
    capacity_bytes: int
    formatted_bytes: int
    kind: str
    created_ns: int
    shared: bool = False


class Snapshots:
    """Keeps, finds and deletes. Raises VolumeProblem and OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "snapshots"
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def image(self, id: str) -> Path:
        return self._place(id) / "image"

    def _place(self, id: str) -> Path:
        return self._directory / identified(id, "snapshot")

    def recover(self) -> None:
        """Remove what a driver that died at work made or deleted by half."""
        sweep(self._directory, "snapshot.json")

    def promised_bytes(self) -> int:
        """What snapshots may come to need once their volumes have changed everything they share with them."""
        return sum(self.image(each.id).stat().st_blocks * 512 for each in self.all() if each.shared)

    def all(self) -> list[LocalSnapshot]:
        found = (self.find(entry.name) for entry in sorted(self._directory.iterdir()))
        return [snapshot for snapshot in found if snapshot is not None]

    def find(self, id: str) -> LocalSnapshot | None:
        """None when there is none, or only what an interrupted `create` left."""
        try:
            return LocalSnapshot(**json.loads((self._place(id) / "snapshot.json").read_bytes()))
        except FileNotFoundError:
            return None

    def origin(self, id: str) -> Origin:
        """What a volume restored from a snapshot starts as."""
        snapshot = self.find(id)
        if snapshot is None:
            raise VolumeProblem(ABSENT, f"there is no snapshot {id} on this node")
        return Origin(
            f"snapshot {id}", self.image(id), snapshot.capacity_bytes, snapshot.formatted_bytes, snapshot.kind
        )

    def create(self, snapshot: LocalSnapshot, copy: Callable[[Path], bool]) -> LocalSnapshot:
        """Keep a snapshot. copy: makes its image, and says whether that shares blocks with the volume's."""
        place = self._place(snapshot.id)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        try:
            snapshot = replace(snapshot, shared=copy(place / "image"))
            write(place / "snapshot.json", asdict(snapshot))
            return snapshot
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def delete(self, id: str) -> None:
        """Delete a snapshot; nothing happens when there is none. Volumes restored from it are copies and stay."""
        place = self._place(id)
        (place / "snapshot.json").unlink(missing_ok=True)
        if place.is_dir():
            shutil.rmtree(place)
