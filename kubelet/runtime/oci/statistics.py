"""What containers use: their cgroups' figures, and the size of what they wrote."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from cluster.cgroups import Cgroups

from ..base import ContainerStats


def container_stats(container_id: str, cgroup: str, written: Path, cgroups: Cgroups) -> ContainerStats | None:
    """None when its cgroup is gone. Walks what the container wrote, so not for the event loop. Raises CgroupFailure."""
    usage = cgroups.usage(cgroup)
    if usage is None:
        return None
    size, inodes = _disk_usage(written)
    return ContainerStats(
        id=container_id,
        timestamp=time.time_ns(),
        cpu_usage_nanoseconds=usage.cpu_nanoseconds,
        memory_usage_bytes=usage.memory_bytes,
        memory_working_set_bytes=usage.working_set_bytes,
        memory_rss_bytes=usage.rss_bytes,
        pids=usage.pids,
        writable_layer_bytes=size,
        writable_layer_inodes=inodes,
    )


def _disk_usage(directory: Path) -> tuple[int, int]:
    """Bytes on disk and number of files below a folder; what disappears meanwhile is passed over."""
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
