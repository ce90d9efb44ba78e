"""The cgroups of pods: kubepods, its quality-of-service classes, one per pod (upstream: pkg/kubelet/cm)."""

from __future__ import annotations

import asyncio
import contextlib

from api.types import Pod
from cluster.cgroups import CgroupFailure, Cgroups, Usage
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
        self._limits: dict[str, Resources] = {}

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
        self.limit(pod)
        self.adopt(pod)
        return path

    def limit(self, pod: Pod) -> None:
        """Set the limits of the pod's cgroup as its spec has them. Raises CgroupFailure."""
        resources = pod_cgroup_resources(pod)
        self._cgroups.limit(self.path(pod), resources)
        self._limits[pod.metadata.uid] = resources

    def widen(self, pod: Pod) -> None:
        """Make room in the pod's cgroup for new limits of its containers, before any has them. Raises CgroupFailure.

        A container may not have more than its pod: what grows does so before, what shrinks after the containers do.
        """
        wanted = pod_cgroup_resources(pod)
        before = self._limits.get(pod.metadata.uid, wanted)
        if before == wanted:
            return
        self._cgroups.limit(
            self.path(pod),
            Resources(
                cpu_shares=max(before.cpu_shares, wanted.cpu_shares),
                cpu_quota=_wider(before.cpu_quota, wanted.cpu_quota),
                cpu_period=wanted.cpu_period,
                memory_limit_bytes=_wider(before.memory_limit_bytes, wanted.memory_limit_bytes),
            ),
        )

    def narrow(self, pod: Pod) -> None:
        """Set the pod's limits once more, if a container began with new ones. No containers' sum may exceed them, so
        while another has more than it is to have, that one's resize is left to do it.
        """
        if self._limits.get(pod.metadata.uid) != pod_cgroup_resources(pod):
            with contextlib.suppress(CgroupFailure):
                self.limit(pod)

    def usage(self, pod: Pod, container_id: str = "") -> Usage | None:
        """What the pod, or one of its containers, uses; None when it has no cgroup. Raises CgroupFailure."""
        path = self.path(pod)
        return self._cgroups.usage(f"{path}/{container_id}" if container_id else path)

    def check_usage(self, pod: Pod, container_id: str, memory_limit_bytes: int) -> None:
        """Raises CgroupFailure when a container uses more memory than it is to have (upstream: the same refusal)."""
        usage = self.usage(pod, container_id)
        if usage is not None and 0 < memory_limit_bytes < usage.working_set_bytes:
            raise CgroupFailure(
                f"attempting to set container memory limit ({memory_limit_bytes}) "
                f"below current usage ({usage.working_set_bytes})"
            )

    async def remove(self, uid: str) -> None:
        """Remove the pod's cgroup, killing what is left in it. Raises CgroupFailure when something cannot be killed."""
        self._limits.pop(uid, None)
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
        """Count a pod whose cgroup is there, made by this kubelet or an earlier one."""
        self._limits.setdefault(pod.metadata.uid, pod_cgroup_resources(pod))
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


def _wider(one: int, other: int) -> int:
    """The larger of two limits, of which 0 is none; -1 takes a limit away."""
    return max(one, other) if one and other else -1
