"""What pods use, gathered for eviction: memory and process ids from cgroups, disk by walking folders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from api.types import Pod
from cluster.cgroups import Usage
from kubelet.disk_usage import disk_usage
from kubelet.eviction.ranking import ContainerFigures, PodFigures
from kubelet.paths import Paths
from kubelet.pod_cgroups import PodCgroups
from kubelet.pods.record import PodRecord
from kubelet.pods.view import Run
from kubelet.runtime.base import ContainerState, ContainerStats, Runtime


class FiguresReader:
    """Keeps nothing between calls."""

    def __init__(self, runtime: Runtime, cgroups: PodCgroups, paths: Paths) -> None:
        self._runtime = runtime
        self._cgroups = cgroups
        self._paths = paths

    async def read(self, record: PodRecord, *, disk: bool) -> PodFigures:
        """One pod's figures; what it has on disk only when asked for. Raises CgroupFailure, RuntimeFailure."""
        pod = record.pod
        running = [runs[-1] for runs in record.runs.values() if runs and runs[-1].state is ContainerState.RUNNING]
        memory = {run.spec.name: self._cgroups.usage(pod, run.id) for run in running}
        total = self._cgroups.usage(pod) or Usage()
        if not disk:
            containers = {name: ContainerFigures(_working_set(usage)) for name, usage in memory.items()}
            return PodFigures(pod, total.working_set_bytes, total.pids, containers)
        stats = await self._runtime.stats([run.id for run in running])
        return await asyncio.to_thread(self._walk, pod, running, memory, stats, total)

    def _walk(
        self,
        pod: Pod,
        running: Sequence[Run],
        memory: dict[str, Usage | None],
        stats: Mapping[str, ContainerStats],
        total: Usage,
    ) -> PodFigures:
        containers = {}
        for run in running:
            log_bytes, log_files = disk_usage(self._paths.pod_logs(pod) / run.spec.name)
            layer = stats.get(run.id)
            containers[run.spec.name] = ContainerFigures(
                memory_bytes=_working_set(memory[run.spec.name]),
                disk_bytes=log_bytes + (layer.writable_layer_bytes if layer is not None else 0),
                inodes=log_files + (layer.writable_layer_inodes if layer is not None else 0),
            )
        volumes = {
            volume.name: disk_usage(self._paths.volume(pod.metadata.uid, "empty-dir", volume.name))
            for volume in pod.spec.volumes
            if volume.empty_dir is not None
        }
        return PodFigures(
            pod=pod,
            memory_bytes=total.working_set_bytes,
            pids=total.pids,
            containers=containers,
            volumes={name: size for name, (size, _) in volumes.items()},
            volume_inodes=sum(inodes for _, inodes in volumes.values()),
        )


def _working_set(usage: Usage | None) -> int:
    return usage.working_set_bytes if usage is not None else 0
