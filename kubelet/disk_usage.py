"""How much of a disk a folder takes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def disk_usage(directory: Path) -> tuple[int, int]:
    """Bytes on disk and number of files below a folder; what disappears meanwhile is passed over.

    Walks, so not for the event loop.
    """
    size = inodes = 0
    # A stack of our own: folders may be nested deeper than Python's. What is too deep for a path is not counted.
    waiting = [str(directory)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    inodes += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return size, inodes
