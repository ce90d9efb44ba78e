"""/stats/summary: what node, pods, containers and volumes use, as JSON (upstream: stats.k8s.io v1alpha1 Summary)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from api import timestamps
from kubelet.disk_usage import disk_usage
from kubelet.metrics.usage import ContainerUsage, NodeUsage, PodUsage, UsageReader
from kubelet.node.machine import Disk, Usage
from kubelet.paths import Paths
from kubelet.pods.view import NANOSECONDS

# CPU rates are over the time since the last request, if that is not longer ago.
MAX_SAMPLE_SECONDS = 300.0


class Summary:
    """`measure` looks at the machine. Remembers the last CPU times, to tell rates."""

    def __init__(self, node_name: str, usage: UsageReader, paths: Paths, measure: Callable[[], Usage]) -> None:
        self._node_name = node_name
        self._usage = usage
        self._paths = paths
        self._measure = measure
        self._started_at = timestamps.now_text(time.time())
        self._samples: dict[str, tuple[float, int]] = {}

    async def page(self) -> bytes:
        """The document."""
        usage, machine = await self._usage.read(), self._measure()
        before, self._samples = self._samples, {}
        pods = [await self._pod(pod, usage, before, machine) for pod in usage.pods if pod.total is not None]
        return msgspec.json.encode({"node": self._node(usage, before, machine), "pods": pods})

    def _node(self, usage: NodeUsage, before: Mapping[str, tuple[float, int]], machine: Usage) -> dict[str, Any]:
        at = timestamps.now_text(usage.time_ms / 1000)
        return {
            "nodeName": self._node_name,
            "systemContainers": [],
            "startTime": self._started_at,
            "cpu": self._cpu("node", usage.cpu_nanoseconds, usage.time_ms / 1000, before),
            "memory": {
                "time": at,
                "availableBytes": machine.memory_available_bytes,
                "usageBytes": machine.memory_bytes - machine.memory_available_bytes,
                "workingSetBytes": usage.working_set_bytes,
            },
            "fs": _fs(at, machine.nodefs),
            "runtime": {"imageFs": _fs(at, machine.imagefs)},
            "rlimit": {"time": at, "maxpid": machine.pids, "curproc": machine.pids - machine.pids_available},
        }

    async def _pod(
        self, pod: PodUsage, usage: NodeUsage, before: Mapping[str, tuple[float, int]], machine: Usage
    ) -> dict[str, Any]:
        metadata, total = pod.pod.metadata, pod.total
        assert total is not None
        at, seconds = timestamps.now_text(usage.time_ms / 1000), usage.time_ms / 1000
        logs, volumes = await asyncio.to_thread(self._walk, pod)
        containers = [
            self._container(each, logs.get(each.run.spec.name, 0), before, machine) for each in pod.containers
        ]
        used = sum(volumes.values()) + sum(logs.values())
        used += sum(each.stats.writable_layer_bytes for each in pod.containers)
        interfaces = [
            {
                "name": each.name,
                "rxBytes": each.receive_bytes,
                "rxErrors": each.receive_errors,
                "txBytes": each.transmit_bytes,
                "txErrors": each.transmit_errors,
            }
            for each in pod.interfaces
        ]
        return {
            "podRef": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            "startTime": pod.pod.status.start_time or at,
            "containers": containers,
            "cpu": self._cpu(metadata.uid, total.cpu_nanoseconds, seconds, before),
            "memory": {
                "time": at,
                "usageBytes": total.memory_bytes,
                "workingSetBytes": total.working_set_bytes,
                "rssBytes": total.rss_bytes,
            },
            **({"network": {"time": at, **interfaces[0], "interfaces": interfaces}} if interfaces else {}),
            "volume": [{"name": name, **_used(at, machine.nodefs, size)} for name, size in volumes.items()],
            "ephemeral-storage": _used(at, machine.nodefs, used),
            "process_stats": {"process_count": total.pids},
        }

    def _container(
        self, container: ContainerUsage, logs: int, before: Mapping[str, tuple[float, int]], machine: Usage
    ) -> dict[str, Any]:
        run, stats = container.run, container.stats
        at = timestamps.now_text(stats.timestamp / NANOSECONDS)
        return {
            "name": run.spec.name,
            "startTime": timestamps.now_text(run.started_at / NANOSECONDS),
            "cpu": self._cpu(run.id, stats.cpu_usage_nanoseconds, stats.timestamp / NANOSECONDS, before),
            "memory": {
                "time": at,
                "usageBytes": stats.memory_usage_bytes,
                "workingSetBytes": stats.memory_working_set_bytes,
                "rssBytes": stats.memory_rss_bytes,
            },
            "rootfs": _used(at, machine.nodefs, stats.writable_layer_bytes)
            | {"inodesUsed": stats.writable_layer_inodes},
            "logs": _used(at, machine.nodefs, logs),
        }

    def _walk(self, pod: PodUsage) -> tuple[dict[str, int], dict[str, int]]:
        """Bytes of logs by container and of emptyDirs by volume."""
        logs = self._paths.pod_logs(pod.pod)
        of_logs = {each.run.spec.name: disk_usage(logs / each.run.spec.name)[0] for each in pod.containers}
        volumes = (volume.name for volume in pod.pod.spec.volumes if volume.empty_dir is not None)
        uid = pod.pod.metadata.uid
        return of_logs, {name: disk_usage(self._paths.volume(uid, "empty-dir", name))[0] for name in volumes}

    def _cpu(self, key: str, total: int, at: float, before: Mapping[str, tuple[float, int]]) -> dict[str, Any]:
        self._samples[key] = (at, total)
        told: dict[str, Any] = {"time": timestamps.now_text(at), "usageCoreNanoSeconds": total}
        known = before.get(key)
        if known is not None and 0 < at - known[0] < MAX_SAMPLE_SECONDS and total >= known[1]:
            told["usageNanoCores"] = int((total - known[1]) / (at - known[0]))
        return told


def _fs(at: str, disk: Disk) -> dict[str, Any]:
    used = disk.total_bytes - disk.available_bytes
    return _used(at, disk, used) | {"inodesUsed": disk.total_inodes - disk.free_inodes}


def _used(at: str, disk: Disk, used: int) -> dict[str, Any]:
    return {
        "time": at,
        "availableBytes": disk.available_bytes,
        "capacityBytes": disk.total_bytes,
        "usedBytes": used,
        "inodesFree": disk.free_inodes,
        "inodes": disk.total_inodes,
    }
