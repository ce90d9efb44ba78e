"""Loop devices of raw volumes: unlike mounted ones they stay when whoever made them is gone (linux/loop.h)."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

_LOOP_CLR_FD: Final = 0x4C01
_BLOCKS: Final = Path("/sys/block")


def detach_below(root: Path) -> None:
    """Detach every loop device that shows a file below a folder. Raises OSError."""
    prefix = f"{root.resolve()}/"
    for block in _BLOCKS.glob("loop*"):
        try:
            backing = (block / "loop" / "backing_file").read_text()
        except OSError:
            continue  # shows nothing
        if backing.startswith(prefix):
            _detach(Path("/dev") / block.name)


def _detach(device: Path) -> None:
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _LOOP_CLR_FD, 0)
    except OSError as error:
        if error.errno != errno.ENXIO:  # detached itself meanwhile
            raise
    finally:
        os.close(descriptor)
