"""Which pod goes first, and what is said of it. Pure.

Source: upstream's pkg/kubelet/eviction/helpers.go (rankMemoryPressure, rankDiskPressureFunc, evictionMessage).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api import quantity
from api.types import Pod
from kubelet.containers.resources import SYSTEM_CRITICAL_PRIORITY, amount, pod_limits, pod_requests
from kubelet.eviction.thresholds import Crossed
from kubelet.pods.static import is_mirror, is_static


@dataclass(frozen=True, slots=True)
class ContainerFigures:
    """What one container uses: memory that cannot be reclaimed, and what it has on disk with its logs."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    inodes: int = 0


@dataclass(frozen=True, slots=True)
class PodFigures:
    """What a pod uses. volumes: bytes of its emptyDirs by name."""

    pod: Pod
    memory_bytes: int = 0
    pids: int = 0
    containers: Mapping[str, ContainerFigures] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)
    volume_inodes: int = 0

    @property
    def disk_bytes(self) -> int:
        """Writable layers, logs, and emptyDirs that are on disk."""
        on_disk = sum(size for name, size in self.volumes.items() if not in_memory(self.pod, name))
        return on_disk + sum(container.disk_bytes for container in self.containers.values())

    @property
    def inodes(self) -> int:
        return self.volume_inodes + sum(container.inodes for container in self.containers.values())


def in_memory(pod: Pod, volume: str) -> bool:
    """Whether an emptyDir of the pod is a tmpfs."""
    return any(
        v.name == volume and v.empty_dir is not None and v.empty_dir.medium == "Memory" for v in pod.spec.volumes
    )


def is_critical(pod: Pod) -> bool:
    """Pods the node never ends for its own sake: static ones and those of system priority."""
    return is_static(pod) or is_mirror(pod) or (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY


def ranked(pods: Iterable[PodFigures], resource: str) -> list[PodFigures]:
    """The pods in the order in which they are ended for want of a resource; critical ones are left out."""
    key: Callable[[PodFigures], tuple[object, ...]] = _KEYS[resource]
    return sorted((figures for figures in pods if not is_critical(figures.pod)), key=key)


def _by_memory(figures: PodFigures) -> tuple[object, ...]:
    over = figures.memory_bytes - pod_requests(figures.pod).get("memory", 0)
    return over <= 0, figures.pod.spec.priority or 0, -over


def _by_disk(figures: PodFigures) -> tuple[object, ...]:
    over = figures.disk_bytes - pod_requests(figures.pod).get("ephemeral-storage", 0)
    return over <= 0, figures.pod.spec.priority or 0, -over


def _by_inodes(figures: PodFigures) -> tuple[object, ...]:
    return figures.pod.spec.priority or 0, -figures.inodes


def _by_pids(figures: PodFigures) -> tuple[object, ...]:
    return figures.pod.spec.priority or 0, -figures.pids


_KEYS = {"memory": _by_memory, "ephemeral-storage": _by_disk, "inodes": _by_inodes, "pids": _by_pids}


def message(crossed: Crossed, figures: PodFigures) -> str:
    """`status.message` of a pod that is ended for a node's want, in upstream's words."""
    resource = crossed.resource
    parts = [
        f"The node was low on resource: {resource}. ",
        f"Threshold quantity: {crossed.quantity}, available: {crossed.available}. ",
    ]
    for container in (*figures.pod.spec.init_containers, *figures.pod.spec.containers):
        used = figures.containers.get(container.name)
        value = 0 if used is None else _used(used, resource)
        requested = container.resources.requests.get(resource, "0")
        if value > amount(resource, requested):
            text = quantity.format(value // 1024 * 1024, "BinarySI")
            parts.append(
                f"Container {container.name} was using {text}, request is {requested}, "
                f"has larger consumption of {resource}. "
            )
    return "".join(parts)


def _used(container: ContainerFigures, resource: str) -> int:
    return {"memory": container.memory_bytes, "ephemeral-storage": container.disk_bytes}.get(resource, 0)


def exceeded_limit(figures: PodFigures) -> str | None:
    """What a pod is ended for whatever the node has left: more on disk than its own limits; None while within them."""
    return _volume_limit(figures) or _pod_limit(figures) or _container_limit(figures)


def _volume_limit(figures: PodFigures) -> str | None:
    for volume in figures.pod.spec.volumes:
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if limit and 0 < quantity.whole(limit) < figures.volumes.get(volume.name, 0):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    return None


def _pod_limit(figures: PodFigures) -> str | None:
    total = pod_limits(figures.pod).get("ephemeral-storage")
    if total is None or figures.disk_bytes <= total:
        return None
    text = quantity.format(total, "BinarySI")
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {text}. "


def _container_limit(figures: PodFigures) -> str | None:
    for container in figures.pod.spec.containers:
        limit, used = container.resources.limits.get("ephemeral-storage"), figures.containers.get(container.name)
        if limit and used is not None and used.disk_bytes > quantity.whole(limit):
            return f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". '
    return None


def has_limits(pod: Pod) -> bool:
    """Whether the pod has a limit of its own on what it keeps on disk."""
    limited = any("ephemeral-storage" in container.resources.limits for container in pod.spec.containers)
    return limited or any(v.empty_dir is not None and v.empty_dir.size_limit for v in pod.spec.volumes)


def preempted(critical: Pod, running: Sequence[Pod], missing: Mapping[str, int]) -> list[Pod] | None:
    """The pods that make room for a critical one, of the lowest priority first; None when there are not enough.

    missing: how much of each resource has to come free, thousandths of cpu and units of all else.
    """
    candidates = [pod for pod in running if _may_preempt(critical, pod)]
    candidates.sort(key=lambda pod: (pod.spec.priority or 0, -sum(_given(pod, missing).values())))
    left, chosen = dict(missing), []
    for pod in candidates:
        if all(value <= 0 for value in left.values()):
            break
        given = _given(pod, left)
        if any(value > 0 and left[resource] > 0 for resource, value in given.items()):
            chosen.append(pod)
            left = {resource: value - given[resource] for resource, value in left.items()}
    return chosen if all(value <= 0 for value in left.values()) else None


def _given(pod: Pod, resources: Iterable[str]) -> dict[str, int]:
    requests = {"pods": 1, **pod_requests(pod)}
    return {resource: requests.get(resource, 0) for resource in resources}


def _may_preempt(critical: Pod, other: Pod) -> bool:
    """Upstream's IsPreemptable: a critical pod may displace one that is not, or one of lower priority."""
    return not is_critical(other) or (critical.spec.priority or 0) > (other.spec.priority or 0)
