"""The volumes on this node's disk: DIR/volumes/ID/{image,volume.json}. Blocking: callers run it in threads."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cluster import kernel_mounts
from csi.local import filesystems, freezing, loops
from csi.local.records import (
    ABSENT,
    BUSY,
    EXISTS,
    FULL,
    INVALID,
    TOO_SMALL,
    VolumeProblem,
    identified,
    sweep,
    text_of,
    write,
)
from csi.local.snapshots import LocalSnapshot, Origin, Snapshots

# The least a volume of any kind holds.
MIN_BYTES: Final = 1 << 20
_BLOCK: Final = 4096


@dataclass(frozen=True, slots=True)
class LocalVolume:
    """kind: the file system in it, "" for a raw device. source, snapshot: the volume or snapshot it was copied from.

    formatted_bytes: how far the file system reaches by now; less than the capacity until it has followed a growth.
    """

    id: str
    capacity_bytes: int
    formatted_bytes: int
    kind: str
    source: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """limit_bytes: 0 for none. source, snapshot: what the volume is to be a copy of, if of anything."""

    name: str
    required_bytes: int
    limit_bytes: int
    kind: str
    source: str = ""
    snapshot: str = ""


class Volumes:
    """Makes, finds, grows and deletes. Raises VolumeProblem, FileSystemFailure and OSError."""

    def __init__(self, directory: Path) -> None:
        self.snapshots = Snapshots(directory)
        self._directory = directory / "volumes"
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Calls about different volumes run side by side: whoever looks how much room there is takes it at once.
        self._room = threading.Lock()
        self._coming: dict[str, int] = {}
        self._copying_bytes = 0

    def image(self, id: str) -> Path:
        return self._place(id) / "image"

    def _place(self, id: str) -> Path:
        return self._directory / identified(id, "volume")

    def recover(self) -> None:
        """Mend what a driver that died at work left: file systems that were frozen, volumes made or deleted by half."""
        freezing.thaw_below(self._directory)
        sweep(self._directory, "volume.json")
        self.snapshots.recover()

    def all(self) -> list[LocalVolume]:
        found = (self.find(entry.name) for entry in sorted(self._directory.iterdir()))
        return [volume for volume in found if volume is not None]

    def find(self, id: str) -> LocalVolume | None:
        """None when there is none, or only what an interrupted `create` left."""
        try:
            return LocalVolume(**json.loads((self._place(id) / "volume.json").read_bytes()))
        except FileNotFoundError:
            return None

    def get(self, id: str) -> LocalVolume:
        volume = self.find(id)
        if volume is None:
            raise VolumeProblem(ABSENT, f"there is no volume {id} on this node")
        return volume

    def available_bytes(self) -> int:
        """What further volumes may ask for together: what all have been promised counts, used or not."""
        status = os.statvfs(self._directory)
        sizes = dict(self._coming) | {volume.id: volume.capacity_bytes for volume in self.all()}
        promised = self.snapshots.promised_bytes() + self._copying_bytes + sum(sizes.values())
        held = sum(self._held_bytes(id) for id in sizes)
        return max(status.f_bavail * status.f_frsize + held - promised, 0)

    def _held_bytes(self, id: str) -> int:
        try:
            return self.image(id).stat().st_blocks * 512
        except FileNotFoundError:
            return 0  # it is only being made

    def create(self, wish: Wish) -> LocalVolume:
        """The volume of this name, made unless it is there already."""
        present = self.find(wish.name)
        if present is not None:
            return _fitting(present, wish)
        origin = self._origin(wish)
        size = _size(wish, origin)
        with self._promised(wish.name, size):
            return self._make(LocalVolume(wish.name, size, size, wish.kind, wish.source, wish.snapshot), origin)

    @contextmanager
    def _promised(self, id: str, size: int) -> Iterator[None]:
        """Keep the room of a volume while it is being made."""
        with self._room:
            if size > (available := self.available_bytes()):
                text = f"{text_of(size)} was asked for and {text_of(available)} is left on this node"
                raise VolumeProblem(FULL, text)
            self._coming[id] = size
        try:
            yield
        finally:
            del self._coming[id]

    def _origin(self, wish: Wish) -> Origin | None:
        if wish.snapshot:
            return self.snapshots.origin(wish.snapshot)
        if not wish.source:
            return None
        source, image = self.get(wish.source), self.image(wish.source)
        return Origin(f"volume {source.id}", image, source.capacity_bytes, source.formatted_bytes, source.kind)

    def _make(self, volume: LocalVolume, origin: Origin | None) -> LocalVolume:
        place = self._place(volume.id)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        image = place / "image"
        try:
            if origin is not None:
                if volume.source:
                    self._copy_to(volume.source, image)
                else:
                    filesystems.copy(origin.image, image)
                volume = _grown(volume, image, origin)
            else:
                image.touch(mode=0o600)
                os.truncate(image, volume.capacity_bytes)
                if volume.kind:
                    filesystems.make(volume.kind, image)
            self._write(volume)
            return volume
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def take_snapshot(self, name: str, id: str, now_ns: int) -> LocalSnapshot:
        """The snapshot of this name, taken of a volume unless it is there already."""
        present = self.snapshots.find(name)
        if present is not None:
            if present.volume != id:
                raise VolumeProblem(EXISTS, f"there already is a snapshot {name} of another volume")
            return present
        volume = self.get(id)
        taken = LocalSnapshot(name, id, volume.capacity_bytes, volume.formatted_bytes, volume.kind, now_ns)
        with self._room_for_copy(id):
            return self.snapshots.create(taken, lambda image: self._copy_to(id, image))

    @contextmanager
    def _room_for_copy(self, id: str) -> Iterator[None]:
        """Keep room for a copy of a volume while it is made: it must not take what volumes have been promised."""
        needed = self._held_bytes(id)
        with self._room:
            if needed > (available := self.available_bytes()):
                text = f"a snapshot of {id} needs {text_of(needed)} and {text_of(available)} is left on this node"
                raise VolumeProblem(FULL, text)
            self._copying_bytes += needed
        try:
            yield
        finally:
            with self._room:
                self._copying_bytes -= needed

    def _copy_to(self, id: str, target: Path) -> bool:
        """Copy a volume's image as it is at one moment; whether the copy shares blocks with it.

        Raises VolumeProblem for a raw device in use on a disk without reflinks: nothing could hold its writers back.
        """
        original = self.image(id)
        devices = loops.devices_in_use(original)
        mounted = next((point for device in devices if (point := kernel_mounts.mount_point_of(device))), None)
        is_raw_in_use = bool(devices) and not self.get(id).kind
        for device in devices if is_raw_in_use else ():
            loops.flush(device)
        with freezing.frozen(mounted):
            if filesystems.share(original, target):
                return True
            if is_raw_in_use:
                text = (
                    f"raw volume {id} is in use and this node's disk cannot share blocks: copy it while no pod has it"
                )
                raise VolumeProblem(BUSY, text)
            filesystems.copy(original, target)
            return False

    def expand(self, id: str, required_bytes: int, limit_bytes: int) -> LocalVolume:
        """Let the image be larger; its file system follows: `format_whole`, or while it is mounted."""
        volume = self.get(id)
        size = _rounded(required_bytes)
        if limit_bytes and size > limit_bytes:
            raise VolumeProblem(TOO_SMALL, f"the limit of {limit_bytes} bytes is less than the {size} bytes needed")
        if size <= volume.capacity_bytes:
            return volume
        with self._room:
            if size - volume.capacity_bytes > (available := self.available_bytes()):
                missing = text_of(size - volume.capacity_bytes)
                raise VolumeProblem(FULL, f"{missing} more was asked for and {text_of(available)} is left on this node")
            os.truncate(self.image(id), size)
            volume = replace(volume, capacity_bytes=size)
            self._write(volume)
        return volume

    def format_whole(self, id: str) -> None:
        """Have the file system fill its image, if it can while nobody has it mounted."""
        volume = self.get(id)
        if volume.formatted_bytes < volume.capacity_bytes and filesystems.can_grow_unmounted(volume.kind):
            filesystems.grow_image(self.image(id))
            self.formatted(volume)

    def formatted(self, volume: LocalVolume) -> None:
        """Note that the file system fills its image."""
        self._write(replace(volume, formatted_bytes=volume.capacity_bytes))

    def delete(self, id: str) -> None:
        """Delete a volume that nobody uses; nothing happens when there is none."""
        place = self._place(id)
        if not place.is_dir():
            return
        if loops.devices_in_use(place / "image"):
            raise VolumeProblem(BUSY, f"volume {id} is still in use on this node")
        (place / "volume.json").unlink(missing_ok=True)
        shutil.rmtree(place)

    def _write(self, volume: LocalVolume) -> None:
        """Only once this is written does the volume exist."""
        write(self._place(volume.id) / "volume.json", asdict(volume))


def _rounded(size: int) -> int:
    return max(-(-size // _BLOCK) * _BLOCK, MIN_BYTES)


def _size(wish: Wish, origin: Origin | None) -> int:
    least = origin.capacity_bytes if origin is not None else 0
    if origin is not None:
        if origin.kind != wish.kind:
            raise VolumeProblem(INVALID, f"a copy of {origin.name} has its volume mode and file system")
        if wish.required_bytes and wish.required_bytes < least:
            raise VolumeProblem(TOO_SMALL, f"a copy of {origin.name} needs at least its {least} bytes")
    size = max(_rounded(max(wish.required_bytes, least)), filesystems.MIN_BYTES.get(wish.kind, MIN_BYTES))
    if wish.limit_bytes and size > wish.limit_bytes:
        raise VolumeProblem(TOO_SMALL, f"the limit of {wish.limit_bytes} bytes is less than the {size} bytes needed")
    return size


def _grown(volume: LocalVolume, image: Path, origin: Origin) -> LocalVolume:
    """A copy, as large as was asked for; its file system follows now or when it is first mounted."""
    if volume.capacity_bytes > origin.capacity_bytes:
        os.truncate(image, volume.capacity_bytes)
    if filesystems.can_grow_unmounted(volume.kind):
        filesystems.grow_image(image)
        return volume
    return replace(volume, formatted_bytes=origin.formatted_bytes) if volume.kind else volume


def _fitting(present: LocalVolume, wish: Wish) -> LocalVolume:
    fits = present.capacity_bytes >= wish.required_bytes
    fits = fits and (not wish.limit_bytes or present.capacity_bytes <= wish.limit_bytes)
    fits = fits and (present.kind, present.source, present.snapshot) == (wish.kind, wish.source, wish.snapshot)
    if not fits:
        raise VolumeProblem(EXISTS, f"there already is another volume named {wish.name}")
    return present
