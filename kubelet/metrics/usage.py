"""What node, pods and containers use, gathered once for the pages that show it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.types import Pod
from cluster.cgroups import Cgroups, Usage
from kubelet.node import machine
from kubelet.pod_cgroups import PodCgroups
from kubelet.pods.pods import Pods
from kubelet.pods.record import PodRecord
from kubelet.pods.view import Run
from kubelet.runtime.base import ContainerState, ContainerStats, Runtime


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """A running container's figures and where its cgroup is."""

    run: Run
    stats: ContainerStats
    cgroup: str


@dataclass(frozen=True, slots=True)
class Interface:
    """Counters of a network interface, as /proc/net/dev has them."""

    name: str
    receive_bytes: int
    receive_packets: int
    receive_errors: int
    receive_dropped: int
    transmit_bytes: int
    transmit_packets: int
    transmit_errors: int
    transmit_dropped: int


@dataclass(frozen=True, slots=True)
class PodUsage:
    """A pod's figures; those of its cgroup are None when it has none any more."""

    pod: Pod
    sandbox_id: str
    cgroup: str
    total: Usage | None
    containers: Sequence[ContainerUsage]
    interfaces: Sequence[Interface]


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """Everything, at `time_ms` since the epoch."""

    time_ms: int
    cpu_nanoseconds: int
    working_set_bytes: int
    cgroup: str
    pods: Sequence[PodUsage]


class UsageReader:
    """Reads figures when a page is asked for; keeps nothing."""

    def __init__(
        self, pods: Pods, runtime: Runtime, cgroups: Cgroups, pod_cgroups: PodCgroups, cgroup_root: str
    ) -> None:
        self._pods = pods
        self._runtime = runtime
        self._cgroups = cgroups
        self._pod_cgroups = pod_cgroups
        self._root = cgroup_root

    async def read(self) -> NodeUsage:
        """Measure now."""
        pods = [await self._pod(worker.record) for worker in self._pods.workers()]
        cpu, memory = self.node()
        return NodeUsage(int(time.time() * 1000), cpu, memory, self._root, pods)

    async def _pod(self, record: PodRecord) -> PodUsage:
        pod, sandbox = record.pod, record.sandbox
        running = [runs[-1] for runs in record.runs.values() if runs and runs[-1].state is ContainerState.RUNNING]
        stats = await self._runtime.stats([run.id for run in running])
        cgroup = self._pod_cgroups.path(pod)
        return PodUsage(
            pod=pod,
            sandbox_id=sandbox.id if sandbox is not None else "",
            cgroup=cgroup,
            total=self._cgroups.usage(cgroup),
            containers=[ContainerUsage(run, stats[run.id], f"{cgroup}/{run.id}") for run in running if run.id in stats],
            interfaces=[] if pod.spec.host_network or not running else interfaces(running[0].pid),
        )

    def node(self) -> tuple[int, int]:
        """CPU time in nanoseconds and working set in bytes of the whole node."""
        if self._root.strip("/"):
            usage = self._cgroups.usage(self._root)
            return (usage.cpu_nanoseconds, usage.working_set_bytes) if usage is not None else (0, 0)
        return machine.cpu_nanoseconds(), machine.memory_bytes() - machine.memory_available_bytes()


def interfaces(pid: int) -> list[Interface]:
    """The interfaces of a process's network namespace, loopback left out."""
    try:
        lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    except OSError:
        return []
    found = []
    for line in lines:
        name, _, counters = line.partition(":")
        n = [int(word) for word in counters.split()]
        if name.strip() != "lo":
            found.append(Interface(name.strip(), n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11]))
    return found
