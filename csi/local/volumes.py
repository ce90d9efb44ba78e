"""The volumes on this node's disk: DIR/volumes/ID/{image,volume.json}. Blocking: callers run it in threads."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cluster import kernel_mounts
from csi.local import filesystems, loops

# The least a volume of any kind holds.
MIN_BYTES: Final = 1 << 20
_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,126}[A-Za-z0-9])?")
_BLOCK: Final = 4096


class VolumeProblem(Exception):
    """A volume cannot be had. `reason` is one of the words below; the text is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


INVALID: Final = "invalid"
ABSENT: Final = "absent"
EXISTS: Final = "exists"
FULL: Final = "full"
BUSY: Final = "busy"
TOO_SMALL: Final = "too-small"


@dataclass(frozen=True, slots=True)
class LocalVolume:
    """kind: the file system in it, "" for a raw device. source: the volume it was copied from.

    formatted_bytes: how far the file system reaches by now; less than the capacity until it has followed a growth.
    """

    id: str
    capacity_bytes: int
    formatted_bytes: int
    kind: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """limit_bytes: 0 for none."""

    name: str
    required_bytes: int
    limit_bytes: int
    kind: str
    source: str = ""


class Volumes:
    """Makes, finds, grows and deletes. Raises VolumeProblem, FileSystemFailure and OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "volumes"
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def image(self, id: str) -> Path:
        return self._place(id) / "image"

    def _place(self, id: str) -> Path:
        if _ID.fullmatch(id) is None:
            raise VolumeProblem(INVALID, f"{id!r} cannot be the name of a volume")
        return self._directory / id

    def all(self) -> list[LocalVolume]:
        found = (self.find(entry.name) for entry in sorted(self._directory.iterdir()) if _ID.fullmatch(entry.name))
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
        promised, held = 0, 0
        for volume in self.all():
            promised += volume.capacity_bytes
            held += self.image(volume.id).stat().st_blocks * 512
        return max(status.f_bavail * status.f_frsize + held - promised, 0)

    def create(self, wish: Wish) -> LocalVolume:
        """The volume of this name, made unless it is there already."""
        present = self.find(wish.name)
        if present is not None:
            return _fitting(present, wish)
        source = self.get(wish.source) if wish.source else None
        size = _size(wish, source)
        if size > (available := self.available_bytes()):
            raise VolumeProblem(FULL, f"{_text(size)} was asked for and {_text(available)} is left on this node")
        volume = LocalVolume(wish.name, size, size, wish.kind, wish.source)
        return self._make(volume, source)

    def _make(self, volume: LocalVolume, source: LocalVolume | None) -> LocalVolume:
        place = self._place(volume.id)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        image = place / "image"
        try:
            if source is None:
                image.touch(mode=0o600)
                os.truncate(image, volume.capacity_bytes)
                if volume.kind:
                    filesystems.make(volume.kind, image)
            else:
                volume = self._copy(source, image, volume)
            self._write(volume)
            return volume
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _copy(self, source: LocalVolume, image: Path, volume: LocalVolume) -> LocalVolume:
        original = self.image(source.id)
        mounted = next(
            (point for device in loops.devices_of(original) if (point := kernel_mounts.mount_point_of(device))), None
        )
        with filesystems.frozen(mounted):
            filesystems.copy(original, image)
        if volume.capacity_bytes > source.capacity_bytes:
            os.truncate(image, volume.capacity_bytes)
        if filesystems.can_grow_unmounted(volume.kind):
            filesystems.grow_image(image)
            return volume
        return replace(volume, formatted_bytes=source.formatted_bytes) if volume.kind else volume

    def expand(self, id: str, required_bytes: int, limit_bytes: int) -> LocalVolume:
        """Let the image be larger; its file system follows: `format_whole`, or while it is mounted."""
        volume = self.get(id)
        size = _rounded(required_bytes)
        if limit_bytes and size > limit_bytes:
            raise VolumeProblem(TOO_SMALL, f"the limit of {limit_bytes} bytes is less than the {size} bytes needed")
        if size <= volume.capacity_bytes:
            return volume
        if size - volume.capacity_bytes > (available := self.available_bytes()):
            missing = _text(size - volume.capacity_bytes)
            raise VolumeProblem(FULL, f"{missing} more was asked for and {_text(available)} is left on this node")
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
        record = self._place(volume.id) / "volume.json"
        fresh = record.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump(asdict(volume), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(record)


def _text(size: int) -> str:
    """Roughly, so that the same complaint is the same text while the disk is in use."""
    for unit, name in ((1 << 30, "Gi"), (1 << 20, "Mi")):
        if size >= unit:
            return f"{size // unit}{name}"
    return "less than 1Mi"


def _rounded(size: int) -> int:
    return max(-(-size // _BLOCK) * _BLOCK, MIN_BYTES)


def _size(wish: Wish, source: LocalVolume | None) -> int:
    least = source.capacity_bytes if source is not None else 0
    if source is not None:
        if source.kind != wish.kind:
            raise VolumeProblem(INVALID, "a clone has the volume mode and the file system of its source")
        if wish.required_bytes and wish.required_bytes < least:
            raise VolumeProblem(TOO_SMALL, f"a clone of {source.id} needs at least its {least} bytes")
    size = max(_rounded(max(wish.required_bytes, least)), filesystems.MIN_BYTES.get(wish.kind, MIN_BYTES))
    if wish.limit_bytes and size > wish.limit_bytes:
        raise VolumeProblem(TOO_SMALL, f"the limit of {wish.limit_bytes} bytes is less than the {size} bytes needed")
    return size


def _fitting(present: LocalVolume, wish: Wish) -> LocalVolume:
    fits = present.capacity_bytes >= wish.required_bytes
    fits = fits and (not wish.limit_bytes or present.capacity_bytes <= wish.limit_bytes)
    if not fits or present.kind != wish.kind or present.source != wish.source:
        raise VolumeProblem(EXISTS, f"there already is another volume named {wish.name}")
    return present
