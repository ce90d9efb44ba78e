"""Writing what COPY and ADD take into a mounted root file system."""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from images.compression import MALFORMED, is_compressed, open_decompressed
from images.errors import ImageError
from images.unpack import unpack_layer
from podling.build import paths
from podling.build.modes import Chmod
from podling.build.sources import Entry, Source, SourceError

_XATTRS = ("security.capability",)


@dataclass(frozen=True)
class Ownership:
    """Whom the copies belong to, and their mode; None keeps the source's."""

    uid: int = 0
    gid: int = 0
    mode: Chmod | None = None


@dataclass(frozen=True)
class Target:
    """Where to: a path in the image; `is_folder` when it must be one (it ends in / or takes several)."""

    root: Path
    path: str
    is_folder: bool


def copy(sources: Sequence[Source], target: Target, owner: Ownership, *, unpack: bool = False) -> None:
    """Copy; with `unpack`, archives become what is in them. Raises SourceError."""
    try:
        for source in sources:
            if source.is_folder:
                folder = paths.make_folder(target.root, target.path, owner.uid, owner.gid)
                _copy_folder(source, folder, target.root, owner)
            elif unpack and _is_archive(source.file):
                _unpack(source, paths.make_folder(target.root, target.path), target.root)
            else:
                _copy_file(source, target, owner)
    except OSError as error:
        what = error.filename if isinstance(error.filename, str) else target.path
        raise SourceError(f"cannot copy to {target.path}: {error.strerror}: {what}") from error


def write_text(text: str, name: str, target: Target, owner: Ownership) -> None:
    """Write a here-document as a file. Raises SourceError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "text")
        file.write_text(text)
        file.chmod(0o644)
        copy([Source(name, file, (Entry("", file, stat.S_IFREG | 0o644),))], target, owner)


def _copy_file(source: Source, target: Target, owner: Ownership) -> None:
    name = posixpath.basename(source.name)
    if target.is_folder or _is_folder(target.root, target.path):
        folder = paths.make_folder(target.root, target.path, owner.uid, owner.gid)
    else:
        folder = paths.make_folder(target.root, posixpath.dirname(target.path), owner.uid, owner.gid)
        name = posixpath.basename(target.path)
    destination = folder / name
    if destination.is_symlink() and not target.is_folder:
        # An existing link is written through, inside the root.
        relative = os.path.relpath(destination, target.root.resolve())
        try:
            destination = paths.resolve(target.root, relative)
        except FileNotFoundError:
            destination.unlink()
    _put(source.entries[0], destination, owner)


def _is_folder(root: Path, path: str) -> bool:
    try:
        return paths.resolve(root, path).is_dir()
    except OSError:
        return False


def _copy_folder(source: Source, folder: Path, root: Path, owner: Ownership) -> None:
    relative = os.path.relpath(folder, root.resolve())
    for entry in source.entries[1:]:
        head, name = posixpath.split(entry.path)
        # Each parent anew: the image may have a link where the source has a folder.
        parent = paths.make_folder(root, posixpath.join(relative, head) if head else relative, owner.uid, owner.gid)
        _put(entry, parent / name, owner)


def _put(entry: Entry, destination: Path, owner: Ownership) -> None:
    if stat.S_ISDIR(entry.mode):
        if destination.is_dir():
            if not destination.is_symlink():
                _own(destination, entry, owner)
            return
        if os.path.lexists(destination):
            raise SourceError(f"cannot copy the folder {entry.path} onto a file of the image")
        destination.mkdir()
        _own(destination, entry, owner)
        return
    if destination.is_dir() and not destination.is_symlink():
        raise SourceError(f"cannot copy the file {entry.path or entry.file.name} onto a folder of the image")
    if os.path.lexists(destination):
        destination.unlink()
    if stat.S_ISLNK(entry.mode):
        os.symlink(os.readlink(entry.file), destination)  # noqa: PTH115, PTH211 (a Path would tidy it)
        os.chown(destination, owner.uid, owner.gid, follow_symlinks=False)
        return
    if stat.S_ISREG(entry.mode):
        shutil.copyfile(entry.file, destination)
    elif stat.S_ISFIFO(entry.mode):
        os.mkfifo(destination)
    else:
        raise SourceError(f"{entry.file} is a device or a socket: only files, folders and links can be copied")
    _own(destination, entry, owner)


def _own(destination: Path, entry: Entry, owner: Ownership) -> None:
    os.chown(destination, owner.uid, owner.gid)
    mode = stat.S_IMODE(entry.mode)
    destination.chmod(owner.mode.of(mode, is_folder=stat.S_ISDIR(entry.mode)) if owner.mode else mode)
    for name in _XATTRS:
        if name in os.listxattr(entry.file):
            os.setxattr(destination, name, os.getxattr(entry.file, name))


def _is_archive(file: Path) -> bool:
    """By its content, as Docker: a tar, plain or compressed; a compressed file that holds no tar is none."""
    if not is_compressed(file):
        return tarfile.is_tarfile(file)
    try:
        with open_decompressed(file) as content, tarfile.open(fileobj=content, mode="r|") as archive:
            return archive.next() is not None
    except (tarfile.TarError, ImageError, *MALFORMED):
        return False


def _unpack(source: Source, folder: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        try:
            with open_decompressed(source.file) as content:
                unpack_layer(content, Path(scratch))
        except ImageError as error:
            raise SourceError(f"cannot unpack {source.name}: {error}") from error
        _merge(Path(scratch), folder, root)


def _merge(scratch: Path, folder: Path, root: Path) -> None:
    """Move what was unpacked over what is there; owners and modes are the archive's."""
    relative = os.path.relpath(folder, root.resolve())
    for outer, folders, files in os.walk(scratch):
        inside = os.path.relpath(outer, scratch)
        parent = paths.make_folder(root, posixpath.join(relative, inside))
        if inside != ".":
            shutil.copystat(outer, parent)
            status = Path(outer).stat()
            os.chown(parent, status.st_uid, status.st_gid)
        for name in sorted(files + [each for each in folders if Path(outer, each).is_symlink()]):
            file, destination = Path(outer, name), parent / name
            if os.path.lexists(destination) and not destination.is_dir():
                destination.unlink()
            _put_unpacked(file, destination)


def _put_unpacked(file: Path, destination: Path) -> None:
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(file), destination)  # noqa: PTH115, PTH211 (a Path would tidy it)
        os.chown(destination, status.st_uid, status.st_gid, follow_symlinks=False)
        return
    if stat.S_ISREG(status.st_mode):
        shutil.copyfile(file, destination)
    elif stat.S_ISFIFO(status.st_mode):
        os.mkfifo(destination)
    else:
        raise SourceError(f"{file.name} in the archive is a device: an image has none but those of its containers")
    os.chown(destination, status.st_uid, status.st_gid)
    destination.chmod(stat.S_IMODE(status.st_mode))
