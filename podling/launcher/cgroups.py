"""A cluster's own cgroups: every process of it is in one, so what is in them is what has to end. No pid files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.cgroups import Cgroups

PERIOD_MICROSECONDS = 100_000
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class NodeSize:
    """Limits as `cluster.cgroups` takes them, 0 for none: a node's cgroup is as big as the node says it is."""

    cpu_quota: int
    memory_limit_bytes: int
    cpu_shares: int = 0
    cpu_period: int = PERIOD_MICROSECONDS
    pids_limit: int = 0


def node_size(cpu: float, memory_bytes: int) -> NodeSize:
    return NodeSize(max(1_000, int(cpu * PERIOD_MICROSECONDS)), memory_bytes)


def cpu_share(shares: int) -> NodeSize:
    """No limit but a share, of the CPU that all want at once."""
    return NodeSize(cpu_quota=0, memory_limit_bytes=0, cpu_shares=shares)


def procs_files(cgroups: Cgroups, path: str) -> list[Path]:
    """The files a process writes itself to, to be in `path`."""
    mounts = [cgroups.v2] if cgroups.unified and cgroups.v2 is not None else list(cgroups.v1.values())
    files = {mount.resolve() / path.strip("/") / "cgroup.procs" for mount in mounts}
    return sorted(file for file in files if file.exists())


def empty(cgroups: Cgroups, path: str, let_die: Callable[[], None] = lambda: None) -> None:
    """Kill everything in `path` and below and remove it. Raises TimeoutError when something does not die.

    let_die: called while something that was killed still holds out, to take away what may hold it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while cgroups.kill(path) or not cgroups.remove(path):
        _thaw(cgroups, path)
        let_die()
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(cgroups.pids(path))} in cgroup {path} do not end")
        time.sleep(POLL_SECONDS)


def _thaw(cgroups: Cgroups, path: str) -> None:
    """Let what is frozen in `path` die: v1 delivers a signal only then, v2 kills the frozen too."""
    freezer = cgroups.v1.get("freezer")
    if freezer is None:
        return
    for pid in cgroups.pids(path):
        # Whoever froze them need not have used our path.
        directory = freezer / _freezer_path(pid)
        while directory != freezer:
            with contextlib.suppress(FileNotFoundError):
                (directory / "freezer.state").write_text("THAWED")
            directory = directory.parent


def _freezer_path(pid: int) -> str:
    """A process's cgroup in the freezer's hierarchy, relative to its mount; "" for the root, and when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    return paths.get("freezer", "").strip("/")


def remove_parent(cgroups: Cgroups, path: str) -> None:
    """Remove the cgroup above `path`, unless another cluster still lives in it."""
    mounts = [*cgroups.v1.values(), *([cgroups.v2] if cgroups.v2 is not None else [])]
    for mount in mounts:
        with contextlib.suppress(OSError):
            (mount / path.strip("/")).parent.rmdir()
