"""Take a cluster off the machine in whatever state: processes, mounts, namespaces, links, cgroups. Data stays."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from pathlib import Path

from cluster.cgroups import Cgroups
from csi.local import freezing, loops
from podling.launcher import cgroups, network
from podling.launcher.plan import Cluster, Node, cgroup, run_dir

MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def cluster(cluster_id: str, directory: Path) -> None:
    """Remove everything of a cluster but its directory. Safe to call again, after any crash."""
    hierarchies = Cgroups.detect()
    _empty(cgroup(cluster_id), directory / "nodes")
    cgroups.remove_parent(hierarchies, cgroup(cluster_id))
    unmount_below(run_dir(cluster_id), directory)
    loops.detach_below(directory / "nodes")
    network.remove_all(cluster_id)
    shutil.rmtree(run_dir(cluster_id), ignore_errors=True)


def node(plan: Cluster, node: Node) -> None:
    """Remove everything of one node but its data. Safe to call again."""
    _empty(f"{plan.cgroup}/{node.name}", plan.dir / "nodes" / node.name)
    unmount_below(plan.run_dir / node.name, plan.dir / "nodes" / node.name)
    loops.detach_below(plan.dir / "nodes" / node.name)
    network.remove_node(node)
    shutil.rmtree(plan.run_dir / node.name, ignore_errors=True)


def _empty(cgroup: str, data: Path) -> None:
    """Kill everything in a cgroup, also what waits for a volume whose copying was just cut short, and leave none so."""
    cgroups.empty(Cgroups.detect(), cgroup, lambda: freezing.thaw_below(data))
    freezing.thaw_below(data)


def unmount_below(*roots: Path) -> None:
    """Unmount everything below the roots, innermost first."""
    prefixes = tuple(f"{root.resolve()}/" for root in roots)
    for mount_point in reversed(mount_points()):
        if mount_point.startswith(prefixes):
            _unmount(mount_point)


def mount_points() -> list[str]:
    """This process's mount points, in the order they were mounted."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return [mount_point(line) for line in lines]


def mount_point(line: bytes) -> str:
    """The mount point of a line of mountinfo, where the kernel writes blanks and backslashes as octal numbers."""
    field = line.split(b" ")[4]
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))


def _unmount(mount_point: str) -> None:
    # Lazily: a process just killed may still hold it for a moment.
    if _libc.umount2(os.fsencode(mount_point), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        if number in (errno.EINVAL, errno.ENOENT):
            return  # went with the namespace or the process that held it
        raise OSError(number, os.strerror(number), mount_point)
