"""Paths inside a root that is not ours to trust: an image's file system, a build context.

Links are followed as a process with that root would follow them; nothing leads out.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from images.filesystem import open_in_root

_PATH = 0o10000000  # O_PATH
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


@contextlib.contextmanager
def opened_root(root: Path) -> Iterator[int]:
    """The root as a descriptor."""
    descriptor = os.open(root, _DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def resolve(root: Path, path: str) -> Path:
    """Where a path inside the root really is, its last link followed, too. Raises OSError when there is none."""
    with opened_root(root) as descriptor:
        found = open_in_root(descriptor, path.lstrip("/") or ".", _PATH)
        try:
            return Path(f"/proc/self/fd/{found}").readlink()
        finally:
            os.close(found)


def make_folder(root: Path, path: str, uid: int = 0, gid: int = 0) -> Path:
    """The folder at a path inside the root; what is missing of it is made, with this owner and mode 0755.

    Raises OSError (ENOTDIR when something on the way is a file).
    """
    with opened_root(root) as descriptor:
        return _make(descriptor, path.strip("/"), uid, gid)


def _make(root: int, path: str, uid: int, gid: int) -> Path:
    try:
        found = open_in_root(root, path or ".", _DIRECTORY)
    except FileNotFoundError:
        head, name = os.path.split(path)
        outer = _make(root, head, uid, gid)
        target = outer / name
        if os.path.lexists(target):
            # A link that leads nowhere: as in a running system, nothing can be made through it.
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        target.mkdir(0o755)
        target.chmod(0o755)
        os.chown(target, uid, gid)
        return target
    try:
        return Path(f"/proc/self/fd/{found}").readlink()
    finally:
        os.close(found)
