"""What pods leave on a node: processes, cgroups, mounts, directories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.chaos import is_alive
from tests.support.cluster import Cluster, eventually


def cgroups_of(cluster: Cluster, node: str, uid: str) -> list[Path]:
    """The cgroups of a pod and its containers."""
    return [
        path
        for mount in Path("/sys/fs/cgroup").iterdir()
        for path in _below(mount / "podling" / cluster.id / node / "kubepods")
        if uid in path.name
    ]


def processes_of(cluster: Cluster, node: str, uid: str) -> list[int]:
    """The processes in a pod's cgroups."""
    found: set[int] = set()
    for path in cgroups_of(cluster, node, uid):
        for file in _below(path):
            if file.name == "cgroup.procs":
                found.update(int(word) for word in _read(file).split())
    return [pid for pid in found if is_alive(pid)]


def traces(cluster: Cluster, node: str, uid: str) -> list[str]:
    """What of a pod is on the node: cgroups, mounts, directories, records."""
    found = [str(path) for path in cgroups_of(cluster, node, uid)]
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line.split()[4] for line in lines if uid in line]
    data, run = cluster.directory / "nodes" / node, Path("/run/podling") / cluster.id / node
    paths = [path for root in (data, run) for path in _below(root)]
    found += [str(path) for path in paths if uid in path.name]
    found += [str(path) for path in paths if path.suffix == ".json" and uid in _read(path)]
    return found


def wait_no_trace(cluster: Cluster, node: str, uids: Iterable[str], *, seconds: float = 60) -> None:
    """Nothing of these pods is left on the node."""
    for uid in uids:
        _wait_no_trace(cluster, node, uid, seconds)


def containers(cluster: Cluster, node: str) -> set[str]:
    """The containers that the node has a runtime state for."""
    return {path.name for path in (Path("/run/podling") / cluster.id / node / "runc").iterdir()}


def sandboxes(cluster: Cluster, node: str) -> set[str]:
    """The sandboxes whose namespaces are pinned on the node."""
    return {path.name for path in (Path("/run/podling") / cluster.id / node / "sandboxes").iterdir()}


def monitors(cluster: Cluster, node: str) -> list[int]:
    """The conmon processes of the node."""
    procs = Path("/sys/fs/cgroup/memory/podling") / cluster.id / node / "conmon" / "cgroup.procs"
    return [int(word) for word in procs.read_text().split()] if procs.exists() else []


def on_machine(cluster: Cluster, node: str) -> list[str]:
    """What a node that is switched off must not have: namespace, link, mounts, processes, runtime state."""
    candidates = [
        Path("/run/netns") / f"podling-{cluster.id}-{node}",
        Path("/sys/class/net") / f"pl-{cluster.id}-{node.rpartition('-')[2]}",
        Path("/run/podling") / cluster.id / node,
        *(mount / "podling" / cluster.id / node for mount in Path("/sys/fs/cgroup").iterdir()),
    ]
    found = [str(path) for path in candidates if path.exists()]
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    roots = (f"{cluster.directory}/nodes/{node}/", f"/run/podling/{cluster.id}/{node}/")
    return found + [line.split()[4] for line in lines if line.split()[4].startswith(roots)]


def _wait_no_trace(cluster: Cluster, node: str, uid: str, seconds: float) -> None:
    eventually(
        f"pod {uid} left nothing",
        lambda: not traces(cluster, node, uid),
        seconds=seconds,
        state=lambda: "\n".join(traces(cluster, node, uid)),
    )


def _below(root: Path) -> Iterator[Path]:
    """Everything below a directory; what goes meanwhile is left out."""
    for directory, directories, files in os.walk(root):
        yield from (Path(directory) / name for name in (*directories, *files))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
