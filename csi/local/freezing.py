"""File systems held still while they are copied, and never for longer than their keeper lives.

A file system stays frozen when the process that froze it dies, and then nobody can write, unmount or even die in it:
whoever starts after such a death thaws first (the driver), and so does whoever takes a node off the machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster import kernel_mounts
from csi.local import loops

FIFREEZE: Final = 0xC0045877
_FITHAW: Final = 0xC0045878


@contextlib.contextmanager
def frozen(mount_point: Path | None) -> Iterator[None]:
    """Hold all writes back, with everything written so far on disk; without a mount point nothing is done."""
    if mount_point is None:
        yield
        return
    directory = os.open(mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(directory, FIFREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(directory, _FITHAW, 0)
    finally:
        os.close(directory)


def thaw_below(root: Path) -> None:
    """Thaw the file systems of every image below a folder. Raises OSError."""
    for device in loops.devices_below(root):
        mounted = kernel_mounts.mount_point_of(device)
        if mounted is not None:
            _thaw(mounted)


def _thaw(mount_point: Path) -> None:
    try:
        directory = os.open(mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # unmounted in between
    try:
        fcntl.ioctl(directory, _FITHAW, 0)
    except OSError as error:
        if error.errno != errno.EINVAL:  # it was not frozen
            raise
    finally:
        os.close(directory)
