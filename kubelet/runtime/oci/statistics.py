"""What containers use: their cgroups' figures, and the size of what they wrote."""

from __future__ import annotations

import time
from pathlib import Path

from cluster.cgroups import Cgroups

from ...disk_usage import disk_usage
from ..base import ContainerStats


def container_stats(container_id: str, cgroup: str, written: Path, cgroups: Cgroups) -> ContainerStats | None:
    """None when its cgroup is gone. Walks what the container wrote, so not for the event loop. Raises CgroupFailure."""
    usage = cgroups.usage(cgroup)
    if usage is None:
        return None
    size, inodes = disk_usage(written)
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
