"""Root file systems for build steps: layers below, a fresh folder on top, and what a step left in it as a new layer."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from cluster import kernel_mounts
from images.blobs import HashingWriter
from images.incoming import Incoming
from images.layers import topmost, unpack_verified
from images.tree import add_entry
from podling.errors import CommandError

_OPAQUE = "trusted.overlay.opaque"
_OPTIONS = "volatile,redirect_dir=off,metacopy=off,index=off"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class NewLayer:
    """A layer a step made: its digest is its diff id, since it is kept uncompressed."""

    digest: str
    size: int


@dataclass(frozen=True)
class Mounted:
    """A step's root file system. `changes`: what was written to it; `layers`: what is below, lowest first."""

    root: Path
    changes: Path
    layers: Sequence[Path]


class Workspace:
    """The mounts of one build, all below the folder that is its alone. `epoch`: the time every file of a layer gets."""

    def __init__(self, received: Incoming, epoch: int) -> None:
        self._received = received
        self._epoch = epoch
        self._number = 0

    @contextlib.contextmanager
    def mounted(self, layers: Sequence[Path]) -> Iterator[Mounted]:
        """A root file system of these layers (lowest first), gone after the block."""
        layers = topmost(layers)
        self._number += 1
        home = self._received.directory / f"step-{self._number}"
        upper, work, root, empty = (home / name for name in ("upper", "work", "root", "empty"))
        for folder in (upper, work, root, empty):
            folder.mkdir(parents=True)
        upper.chmod(stat.S_IMODE(layers[-1].stat().st_mode) if layers else 0o755)
        lower = ":".join(str(layer).replace(":", "\\:") for layer in (*reversed(layers), *([] if layers else [empty])))
        try:
            options = f"{_OPTIONS},lowerdir={lower},upperdir={upper},workdir={work}"
            kernel_mounts.mount("overlay", root, "overlay", options=options)
        except OSError as error:
            raise CommandError(f"cannot mount the layers of the build: {error.strerror}; try again") from error
        try:
            yield Mounted(root, upper, layers)
        finally:
            kernel_mounts.unmount_under(home)
            shutil.rmtree(home)

    def layer(self, mounted: Mounted) -> NewLayer | None:
        """What was written, as a layer in the folder of the build; None when nothing was."""
        untouched = _untouched(mounted.changes, mounted.layers)
        if all(each.name in untouched for each in mounted.changes.iterdir()):
            return None
        descriptor, name = tempfile.mkstemp(dir=self._received.blobs)
        with os.fdopen(descriptor, "wb", buffering=_CHUNK) as stream:
            writer = HashingWriter(stream)
            write_changes(mounted.changes, cast(BinaryIO, writer), self._epoch, untouched)
        digest = writer.digest
        blob = self._received.blob(digest)
        Path(name).rename(blob)
        folder = self._received.layer(digest)
        if not folder.exists():
            folder.mkdir()
            with blob.open("rb") as content:
                unpack_verified(content, digest, folder)
        return NewLayer(digest, blob.stat().st_size)


def write_changes(directory: Path, target: BinaryIO, epoch: int | None = None, left_out: Collection[str] = ()) -> None:
    """Write an overlay's upper folder as a layer's tar: in a fixed order, whiteouts in the format's way.

    epoch: the time of everything; None keeps what it has. Files with several names keep them. Source: OCI image-spec,
    "Image Layer Filesystem Changeset".
    """
    names: dict[tuple[int, int], str] = {}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted_paths(directory):
            relative = os.path.relpath(path, directory)
            if relative in left_out:
                continue
            status = path.lstat()
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                head, name = os.path.split(relative)
                archive.addfile(_marker(str(Path(head, f".wh.{name}")), epoch))
                continue
            if stat.S_ISSOCK(status.st_mode):
                continue
            _add(archive, path, relative, epoch, names)
            if stat.S_ISDIR(status.st_mode) and _is_opaque(path):
                archive.addfile(_marker(f"{relative}/.wh..wh..opq", epoch))


def _untouched(changes: Path, layers: Sequence[Path]) -> set[str]:
    """Folders that were copied up although nothing but their time is new: for a file that came and went."""
    found: set[str] = set()
    for folder, folders, files in os.walk(changes, topdown=False):
        path = os.path.relpath(folder, changes)
        below = {str(Path(path, name)) for name in folders}
        if path != "." and not files and below <= found and _is_unchanged(Path(folder), path, layers):
            found.add(path)
    return found


def _is_unchanged(folder: Path, path: str, layers: Sequence[Path]) -> bool:
    former = next((layer / path for layer in reversed(layers) if os.path.lexists(layer / path)), None)
    if former is None or _is_opaque(folder):
        return False
    old, new = former.lstat(), folder.lstat()
    return (old.st_mode, old.st_uid, old.st_gid) == (new.st_mode, new.st_uid, new.st_gid)


def _add(archive: tarfile.TarFile, path: Path, name: str, epoch: int | None, names: dict[tuple[int, int], str]) -> None:
    entry = tarfile.TarInfo(name)
    status = path.lstat()
    entry.mode, entry.uid, entry.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    entry.mtime = int(status.st_mtime) if epoch is None else epoch
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)  # noqa: PTH115 (a Path would tidy it)
    elif stat.S_ISFIFO(status.st_mode):
        entry.type = tarfile.FIFOTYPE
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        entry.type = tarfile.CHRTYPE if stat.S_ISCHR(status.st_mode) else tarfile.BLKTYPE
        entry.devmajor, entry.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    else:
        first = names.setdefault((status.st_dev, status.st_ino), name)
        if first != name:
            entry.type, entry.linkname = tarfile.LNKTYPE, first
        else:
            entry.size = status.st_size
    add_entry(archive, entry, path)


def _marker(name: str, epoch: int | None) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = 0o644, epoch or 0
    return entry


def _is_opaque(path: Path) -> bool:
    return _OPAQUE in os.listxattr(path) and os.getxattr(path, _OPAQUE) == b"y"


def _sorted_paths(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        if folder != str(directory):
            yield Path(folder)
        yield from (Path(folder, name) for name in sorted(files + links))
