"""The cgroups of pods: kubepods, its quality-of-service classes, one per pod (upstream: pkg/kubelet/cm)."""

from __future__ import annotations

import asyncio

from api.types import Pod
from cluster.cgroups import CgroupFailure, Cgroups
from kubelet.containers.resources import (
    MIN_SHARES,
    QosClass,
    kubepods_cgroup,
    pod_cgroup,
    pod_cgroup_resources,
    pod_requests,
    qos_cgroup,
    qos_class,
    shares,
)
from kubelet.runtime.base import Resources

# Killed processes need a moment to leave their cgroup.
REMOVE_TRIES = 20
REMOVE_PAUSE_SECONDS = 0.05


class PodCgroups:
    """Makes and removes them below `root`."""

    def __init__(self, cgroups: Cgroups, root: str) -> None:
        self._cgroups = cgroups
        self._root = root
        self._burstable: dict[str, int] = {}

    def set_up(self, cpu_millis: int, memory_bytes: int) -> None:
        """Make kubepods, as big as the node, and the classes. Raises CgroupFailure."""
        kubepods = kubepods_cgroup(self._root)
        self._cgroups.create(kubepods)
        self._cgroups.limit(kubepods, Resources(cpu_shares=shares(cpu_millis), memory_limit_bytes=memory_bytes))
        for qos in (QosClass.BURSTABLE, QosClass.BEST_EFFORT):
            path = qos_cgroup(self._root, qos)
            self._cgroups.create(path)
            self._cgroups.limit(path, Resources(cpu_shares=MIN_SHARES))

    def path(self, pod: Pod) -> str:
        return pod_cgroup(self._root, qos_class(pod), pod.metadata.uid)

    def create(self, pod: Pod) -> str:
        """Make the pod's cgroup with its limits; its path. Raises CgroupFailure."""
        path = self.path(pod)
        self._cgroups.create(path)
        self._cgroups.limit(path, pod_cgroup_resources(pod))
        self.adopt(pod)
        return path

    async def remove(self, uid: str) -> None:
        """Remove the pod's cgroup, killing what is left in it. Raises CgroupFailure when something cannot be killed."""
        if self._burstable.pop(uid, None) is not None:
            self._weigh_burstable()
        for qos in QosClass:
            await self._remove(pod_cgroup(self._root, qos, uid))

    async def _remove(self, path: str) -> None:
        for _ in range(REMOVE_TRIES):
            if not self._cgroups.exists(path) or self._cgroups.remove(path):
                return
            self._cgroups.kill(path)
            await asyncio.sleep(REMOVE_PAUSE_SECONDS)
        raise CgroupFailure(f"processes stay in cgroup {path} although they were killed")

    def adopt(self, pod: Pod) -> None:
        """Count a pod whose cgroup an earlier kubelet made."""
        if qos_class(pod) is QosClass.BURSTABLE:
            self._burstable[pod.metadata.uid] = pod_requests(pod).get("cpu", 0)
            self._weigh_burstable()

    def uids(self) -> set[str]:
        """The pods that have a cgroup."""
        mount = self._cgroups.v1.get("memory") or self._cgroups.v2
        found: set[str] = set()
        for qos in QosClass:
            if mount is not None and (directory := mount / qos_cgroup(self._root, qos).strip("/")).is_dir():
                found.update(entry.name for entry in directory.iterdir())
        return {name.removeprefix("pod") for name in found if name.startswith("pod")}

    def _weigh_burstable(self) -> None:
        """The class gets what its pods ask for together."""
        total = shares(sum(self._burstable.values()))
        self._cgroups.limit(qos_cgroup(self._root, QosClass.BURSTABLE), Resources(cpu_shares=total))
