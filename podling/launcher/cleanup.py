"""Take a cluster off the machine in whatever state: processes, mounts, namespaces, links, cgroups. Data stays."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from cluster.cgroups import Cgroups
from podling.launcher import cgroups, network
from podling.launcher.plan import Cluster, Node

MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def cluster(plan: Cluster) -> None:
    """Remove everything of a cluster but its directory. Safe to call again, after any crash."""
    hierarchies = Cgroups.detect()
    cgroups.empty(hierarchies, plan.cgroup)
    cgroups.remove_parent(hierarchies, plan.cgroup)
    unmount_below(plan.run_dir, plan.dir)
    network.remove_all(plan.id)
    shutil.rmtree(plan.run_dir, ignore_errors=True)


def node(plan: Cluster, node: Node) -> None:
    """Remove everything of one node but its data."""
    cgroups.empty(Cgroups.detect(), f"{plan.cgroup}/{node.name}")
    unmount_below(plan.run_dir / node.name, plan.dir / "nodes" / node.name)
    network.remove_node(node)
    shutil.rmtree(plan.run_dir / node.name, ignore_errors=True)


def unmount_below(*roots: Path) -> None:
    """Unmount everything below the roots, innermost first."""
    prefixes = tuple(f"{root.resolve()}/" for root in roots)
    for mount_point in reversed(mount_points()):
        if mount_point.startswith(prefixes):
            _unmount(mount_point)


def mount_points() -> list[str]:
    """This process's mount points, in the order they were mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split(" ")[4].encode().decode("unicode_escape") for line in lines]


def _unmount(mount_point: str) -> None:
    # Lazily: a process just killed may still hold it for a moment.
    if _libc.umount2(os.fsencode(mount_point), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot unmount {mount_point}: {os.strerror(number)}")
