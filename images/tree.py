"""Writing a folder as a layer: a tar in a fixed order, so that the same folder always has the same digest."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

from .compression import MALFORMED, open_decompressed
from .errors import CorruptImage

_XATTR = "SCHILY.xattr."
_CHUNK = 1 << 20


def write_rootfs(source: Path, target: BinaryIO) -> None:
    """Write a root file system as a tar: a folder, or a tar of one, compressed or not. Raises CorruptImage, OSError."""
    if source.is_dir():
        write_tree(source, target)
        return
    try:
        with open_decompressed(source) as content:
            shutil.copyfileobj(content, target, _CHUNK)
    except MALFORMED as error:
        raise CorruptImage(f"{source.name} is not whole: {error}") from error


def write_tree(directory: Path, target: BinaryIO) -> None:
    """Write everything below a folder as a tar: owners by number, times, links, devices and attributes kept.

    Sockets are left out. Raises OSError, naming the file, when one cannot be read.
    """
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted_paths(directory):
            name = os.path.relpath(path, directory)
            entry = archive.gettarinfo(path, name)
            if entry is not None:
                add_entry(archive, entry, Path(path))


def add_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo, source: Path) -> None:
    """Add one entry with the content and attributes of `source`, without names of users."""
    entry.uname = entry.gname = ""
    if entry.isreg() or entry.isdir():
        entry.pax_headers = {
            _XATTR + name: os.getxattr(source, name, follow_symlinks=False).decode("utf-8", "surrogateescape")
            for name in os.listxattr(source, follow_symlinks=False)
            if not name.startswith("trusted.overlay.")
        }
    if entry.isreg():
        with source.open("rb") as content:
            archive.addfile(entry, content)
    else:
        archive.addfile(entry)


def _sorted_paths(directory: Path) -> list[str]:
    """The folder itself and all below it, parents first."""
    paths = [str(directory)]
    for root, folders, files in os.walk(directory, onerror=_raise):
        folders.sort()
        paths.extend(os.path.join(root, name) for name in sorted(folders + files))  # noqa: PTH118
    return [path for path in paths if not stat.S_ISSOCK(os.lstat(path).st_mode)]


def _raise(error: OSError) -> None:
    raise error
