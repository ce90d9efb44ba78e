"""Cgroups by path, whatever the kernel's layout: v1, v2, or both mounted at once (hybrid).

A path such as `/podling/ab12/node-1/kubepods/burstable/pod<uid>` is the same in every hierarchy. This module makes,
limits, reads, kills and removes it; a container's own cgroup below it is made by the OCI runtime. Sources of the
figures: cAdvisor's working set, and the kubelet's conversion of cpu shares to v2 weights.

All calls are short reads and writes of kernel files and do not wait.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")
_V2_CONTROLLERS = ("cpu", "memory", "pids")
_UNLIMITED = -1
_V1_SUBSYSTEMS = frozenset(
    [
        "blkio",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "freezer",
        "hugetlb",
        "memory",
        "misc",
        "net_cls",
        "net_prio",
        "perf_event",
        "pids",
        "rdma",
    ]
)


class Limits(Protocol):
    """Limits of a cgroup; 0 leaves one as it is, -1 takes it away. Times in microseconds."""

    @property
    def cpu_shares(self) -> int: ...
    @property
    def cpu_quota(self) -> int: ...
    @property
    def cpu_period(self) -> int: ...
    @property
    def memory_limit_bytes(self) -> int: ...
    @property
    def pids_limit(self) -> int: ...


class CgroupFailure(Exception):
    """The kernel refused a change to a cgroup. The text says which file and why."""


@dataclass(frozen=True)
class Usage:
    """What the processes of a cgroup, and of those below it, use."""

    cpu_nanoseconds: int = 0
    memory_bytes: int = 0
    working_set_bytes: int = 0
    rss_bytes: int = 0
    pids: int = 0


class Cgroups:
    """The mounted hierarchies. `v1` maps a controller to its mount; `v2` is the unified mount, if there is one.

    A controller is in exactly one of the two: a v1 mount takes it away from v2.
    """

    def __init__(self, v1: dict[str, Path], v2: Path | None) -> None:
        self.v1 = v1
        self.v2 = v2
        self._unified = v2 is not None and "memory" not in v1
        mounts = dict.fromkeys(v1.values())
        if v2 is not None:
            mounts[v2] = None
        self._mounts = list(mounts)

    @classmethod
    def detect(cls, mounts_file: str = "/proc/self/mounts") -> Cgroups:
        """Find the mounts. Raises CgroupFailure when the memory controller is nowhere."""
        v1: dict[str, Path] = {}
        v2: Path | None = None
        for line in Path(mounts_file).read_text().splitlines():
            _, mount_point, kind, options, *_ = line.split()
            if kind == "cgroup":
                for option in options.split(","):
                    if option in _V1_SUBSYSTEMS or option.startswith("name="):
                        v1.setdefault(option, Path(mount_point))
            elif kind == "cgroup2" and v2 is None:
                v2 = Path(mount_point)
        if "memory" not in v1 and (v2 is None or "memory" not in _words(v2 / "cgroup.controllers")):
            raise CgroupFailure("no memory cgroup is mounted on this machine: mount cgroup v2 at /sys/fs/cgroup")
        return cls(v1, v2)

    @property
    def unified(self) -> bool:
        """Whether limits are v2's."""
        return self._unified

    @property
    def accounts_swap(self) -> bool:
        """Whether a memory limit can include swap."""
        if self._unified:
            return True
        return (self.v1["memory"] / "memory.memsw.limit_in_bytes").exists()

    def create(self, path: str) -> None:
        """Make the cgroup, and those above it, where a controller of ours lives. Existing ones are kept."""
        for controller in CONTROLLERS:
            mount = self.v1.get(controller)
            if mount is not None:
                _below(mount, path).mkdir(parents=True, exist_ok=True)
        if self._unified and self.v2 is not None:
            directory = self.v2
            for part in path.strip("/").split("/"):
                self._delegate(directory)
                directory = directory / part
                directory.mkdir(exist_ok=True)

    def limit(self, path: str, resources: Limits) -> None:
        """Set the limits that are not 0; -1 takes a limit away. `oom_score_adj` is not a cgroup's and is ignored."""
        for controller, name, value in self._settings(resources):
            directory = self._directory(controller, path)
            if directory is not None:
                _write(directory / name, value)

    def add(self, path: str, pid: int) -> None:
        """Move a process into the cgroup."""
        for controller in CONTROLLERS:
            mount = self.v1.get(controller)
            if mount is not None:
                _write(_below(mount, path) / "cgroup.procs", str(pid))
        if self._unified and self.v2 is not None:
            _write(_below(self.v2, path) / "cgroup.procs", str(pid))

    def exists(self, path: str) -> bool:
        """Whether any hierarchy has it."""
        return any(_below(mount, path).is_dir() for mount in self._mounts)

    def pids(self, path: str) -> set[int]:
        """The processes in it and below it."""
        found: set[int] = set()
        for mount in self._mounts:
            for directory in _deepest_first(_below(mount, path)):
                found.update(int(word) for word in _words(directory / "cgroup.procs"))
        return found

    def kill(self, path: str) -> int:
        """SIGKILL everything in it and below it; how many processes there were. They may need a moment to end."""
        if self._unified and self.v2 is not None:
            kill_file = _below(self.v2, path) / "cgroup.kill"
            if kill_file.exists():
                count = len(self.pids(path))
                _write(kill_file, "1")
                return count
        pids = self.pids(path)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return len(pids)

    def remove(self, path: str) -> bool:
        """Remove it and those below it; False while processes still hold one of them."""
        removed = True
        for mount in self._mounts:
            for directory in _deepest_first(_below(mount, path)):
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        raise CgroupFailure(f"cannot remove cgroup {directory}: {error.strerror}") from error
                    removed = False
        return removed

    def usage(self, path: str) -> Usage | None:
        """What it uses, or None when there is no such cgroup."""
        directory = self._directory("memory", path)
        if directory is None or not directory.is_dir():
            return None
        statistics = _table(directory / "memory.stat")
        if self._unified:
            memory = _number(directory / "memory.current")
            inactive, rss = statistics.get("inactive_file", 0), statistics.get("anon", 0)
            cpu = _table(directory / "cpu.stat").get("usage_usec", 0) * 1000
        else:
            memory = _number(directory / "memory.usage_in_bytes")
            inactive, rss = statistics.get("total_inactive_file", 0), statistics.get("total_rss", 0)
            accounting = self._directory("cpuacct", path)
            cpu = _number(accounting / "cpuacct.usage") if accounting is not None else 0
        processes = self._directory("pids", path)
        return Usage(
            cpu_nanoseconds=cpu,
            memory_bytes=memory,
            working_set_bytes=max(memory - inactive, 0),
            rss_bytes=rss,
            pids=_number(processes / "pids.current") if processes is not None else 0,
        )

    def oom_kills(self, path: str) -> int:
        """How many of its processes the kernel killed for lack of memory, by its own limit or one above it."""
        directory = self._directory("memory", path)
        if directory is None:
            return 0
        return _table(directory / ("memory.events" if self._unified else "memory.oom_control")).get("oom_kill", 0)

    def _directory(self, controller: str, path: str) -> Path | None:
        mount = self.v1.get(controller)
        if mount is None and self._unified:
            mount = self.v2
        return None if mount is None else _below(mount, path)

    def _delegate(self, directory: Path) -> None:
        """Let the children of a v2 cgroup have our controllers; those the kernel lacks are left out."""
        available = _words(directory / "cgroup.controllers")
        enabled = _words(directory / "cgroup.subtree_control")
        missing = [name for name in _V2_CONTROLLERS if name in available and name not in enabled]
        if missing:
            _write(directory / "cgroup.subtree_control", " ".join(f"+{name}" for name in missing))

    def _settings(self, resources: Limits) -> Iterator[tuple[str, str, str]]:
        """The (controller, file, value) writes for the limits that are set."""
        quota, period = resources.cpu_quota, resources.cpu_period or 100_000
        if self._unified:
            if resources.cpu_shares:
                yield "cpu", "cpu.weight", str(weight_of_shares(resources.cpu_shares))
            if quota:
                yield "cpu", "cpu.max", f"{'max' if quota == _UNLIMITED else quota} {period}"
        else:
            if resources.cpu_shares:
                yield "cpu", "cpu.shares", str(resources.cpu_shares)
            if quota:
                yield "cpu", "cpu.cfs_period_us", str(period)
                yield "cpu", "cpu.cfs_quota_us", str(quota)
        if resources.memory_limit_bytes:
            unlimited = "max" if self._unified else str(_UNLIMITED)
            limit = resources.memory_limit_bytes
            name = "memory.max" if self._unified else "memory.limit_in_bytes"
            yield "memory", name, unlimited if limit == _UNLIMITED else str(limit)
        if resources.pids_limit:
            yield "pids", "pids.max", "max" if resources.pids_limit == _UNLIMITED else str(resources.pids_limit)


def weight_of_shares(shares: int) -> int:
    """The v2 weight (1 to 10000) for v1 shares (2 to 262144), as kubelet and runc convert it."""
    clamped = min(max(shares, 2), 262_144)
    return 1 + ((clamped - 2) * 9_999) // 262_142


def _below(mount: Path, path: str) -> Path:
    if not path.strip("/") or ".." in path.split("/"):
        raise CgroupFailure(f"not a cgroup path below the root: {path!r}")
    return mount / path.strip("/")


def _deepest_first(directory: Path) -> Iterator[Path]:
    for root, _, _ in os.walk(directory, topdown=False):
        yield Path(root)


def _write(file: Path, value: str) -> None:
    try:
        with file.open("w") as stream:
            stream.write(value)
    except OSError as error:
        raise CgroupFailure(f"cannot write {value!r} to {file}: {error.strerror}") from error


def _words(file: Path) -> list[str]:
    """The words of a kernel file; none when the cgroup has gone meanwhile."""
    try:
        return file.read_text().split()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            return []
        raise CgroupFailure(f"cannot read {file}: {error.strerror}") from error


def _number(file: Path) -> int:
    words = _words(file)
    return int(words[0]) if words else 0


def _table(file: Path) -> dict[str, int]:
    """A file of `name number` lines."""
    words = _words(file)
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=False)}
