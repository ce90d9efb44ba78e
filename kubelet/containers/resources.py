"""From quantities to what the kernel enforces: QoS class, cgroup limits and names, OOM score.

Source: upstream's pkg/apis/core/v1/helper/qos, component-helpers/resource (PodRequests, PodLimits),
pkg/kubelet/cm (helpers, pod container manager) and pkg/kubelet/qos (policy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from api import quantity
from api.types import Container, EphemeralContainer, Pod, ResourceRequirements
from kubelet.runtime.base import Resources

MIN_SHARES = 2
MAX_SHARES = 262_144
QUOTA_PERIOD_MICROSECONDS = 100_000
MIN_QUOTA_MICROSECONDS = 1_000

GUARANTEED_OOM_SCORE = -997
BEST_EFFORT_OOM_SCORE = 1000
SYSTEM_CRITICAL_PRIORITY = 2_000_000_000

_COMPUTE = ("cpu", "memory")


class QosClass(StrEnum):
    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


def amount(resource: str, text: str) -> int:
    """A quantity as a whole number: thousandths for cpu, units (bytes, pods) for everything else."""
    return quantity.milli(text) if resource == "cpu" else quantity.whole(text)


def amounts(resources: Mapping[str, str]) -> dict[str, int]:
    return {name: amount(name, text) for name, text in resources.items()}


def is_sidecar(container: Container) -> bool:
    """Whether an init container is a restartable one (upstream: sidecar containers)."""
    return container.restart_policy == "Always"


def pod_requests(pod: Pod) -> dict[str, int]:
    """What the pod as a whole asks for; the largest moment of its start counts."""
    total = _pod_total(pod, lambda resources: resources.requests)
    _add(total, amounts(pod.spec.overhead))
    return total


def pod_limits(pod: Pod) -> dict[str, int]:
    """The sum of what its containers may use; those without a limit add nothing."""
    total = _pod_total(pod, lambda resources: resources.limits)
    _add(total, {name: value for name, value in amounts(pod.spec.overhead).items() if name in total})
    return total


def _pod_total(pod: Pod, side: Callable[[ResourceRequirements], Mapping[str, str]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for container in pod.spec.containers:
        _add(total, amounts(side(container.resources)))
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    for container in pod.spec.init_containers:
        needed = amounts(side(container.resources))
        if is_sidecar(container):
            _add(total, needed)
            _add(sidecars, needed)
            needed = dict(sidecars)
        else:
            _add(needed, sidecars)
        _raise_to(starting, needed)
    _raise_to(total, starting)
    if pod.spec.resources is not None:
        total.update(amounts(side(pod.spec.resources)))
    return total


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise_to(total: dict[str, int], floor: Mapping[str, int]) -> None:
    for name, value in floor.items():
        total[name] = max(total.get(name, 0), value)


def qos_class(pod: Pod) -> QosClass:
    """Guaranteed, Burstable or BestEffort, by the cpu and memory of all containers or of the pod's own resources."""
    if pod.spec.resources is not None:
        stated = [pod.spec.resources]
    else:
        stated = [container.resources for container in (*pod.spec.containers, *pod.spec.init_containers)]
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    all_limited = True
    for resources in stated:
        _add(requests, _compute(resources.requests))
        limited = _compute(resources.limits)
        _add(limits, limited)
        all_limited = all_limited and len(limited) == len(_COMPUTE)
    if not requests and not limits:
        return QosClass.BEST_EFFORT
    if all_limited and requests == limits:
        return QosClass.GUARANTEED
    return QosClass.BURSTABLE


def _compute(resources: Mapping[str, str]) -> dict[str, int]:
    found = {name: amount(name, resources[name]) for name in _COMPUTE if name in resources}
    return {name: value for name, value in found.items() if value > 0}


def shares(cpu_millis: int) -> int:
    """v1 cpu shares for thousandths of a CPU."""
    return min(max(cpu_millis * 1024 // 1000, MIN_SHARES), MAX_SHARES)


def quota(cpu_millis: int) -> int:
    """Microseconds of CPU in each period; 0 for no limit."""
    if cpu_millis <= 0:
        return 0
    return max(cpu_millis * QUOTA_PERIOD_MICROSECONDS // 1000, MIN_QUOTA_MICROSECONDS)


def pod_cgroup_resources(pod: Pod) -> Resources:
    """Limits of the pod's own cgroup: a limit holds only when every container has one."""
    qos = qos_class(pod)
    if qos is QosClass.BEST_EFFORT:
        return Resources(cpu_shares=MIN_SHARES)
    limits = pod_limits(pod)
    cpu = limits.get("cpu", 0) if _all_limited(pod, "cpu") else 0
    return Resources(
        cpu_shares=shares(pod_requests(pod).get("cpu", 0)),
        cpu_quota=quota(cpu),
        cpu_period=QUOTA_PERIOD_MICROSECONDS if cpu else 0,
        memory_limit_bytes=limits.get("memory", 0) if _all_limited(pod, "memory") else 0,
    )


def _all_limited(pod: Pod, resource: str) -> bool:
    if pod.spec.resources is not None and resource in pod.spec.resources.limits:
        return True
    return all(resource in c.resources.limits for c in (*pod.spec.containers, *pod.spec.init_containers))


def container_resources(pod: Pod, container: Container | EphemeralContainer, node_memory_bytes: int) -> Resources:
    """Limits of one container's cgroup and its OOM score."""
    requests, limits = amounts(container.resources.requests), amounts(container.resources.limits)
    cpu_limit = limits.get("cpu", 0)
    return Resources(
        cpu_shares=shares(requests.get("cpu", 0) or cpu_limit),
        cpu_quota=quota(cpu_limit),
        cpu_period=QUOTA_PERIOD_MICROSECONDS if cpu_limit else 0,
        memory_limit_bytes=limits.get("memory", 0),
        memory_request_bytes=requests.get("memory", 0),
        oom_score_adj=oom_score_adj(pod, container, node_memory_bytes),
    )


def oom_score_adj(pod: Pod, container: Container | EphemeralContainer, node_memory_bytes: int) -> int:
    """How readily the kernel kills it: the more of the node's memory was requested, the less."""
    if (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY:
        return GUARANTEED_OOM_SCORE
    qos = qos_class(pod)
    if qos is QosClass.GUARANTEED:
        return GUARANTEED_OOM_SCORE
    if qos is QosClass.BEST_EFFORT:
        return BEST_EFFORT_OOM_SCORE
    score = _burstable_score(_memory_request(container), node_memory_bytes)
    if isinstance(container, Container) and container in pod.spec.init_containers and is_sidecar(container):
        # A sidecar must not be killed before the containers it serves.
        least = min(_memory_request(regular) for regular in pod.spec.containers)
        score = min(score, _burstable_score(least, node_memory_bytes))
    return score


def _memory_request(container: Container | EphemeralContainer) -> int:
    return amounts(container.resources.requests).get("memory", 0)


def _burstable_score(memory_request: int, node_memory_bytes: int) -> int:
    score = 1000 - 1000 * memory_request // node_memory_bytes
    lowest = 1000 + GUARANTEED_OOM_SCORE
    return min(max(score, lowest), BEST_EFFORT_OOM_SCORE - 1)


def kubepods_cgroup(root: str) -> str:
    """The cgroup of all pods of the node."""
    return f"{root.rstrip('/')}/kubepods"


def qos_cgroup(root: str, qos: QosClass) -> str:
    """The cgroup of all pods of a class; Guaranteed pods are directly under kubepods."""
    kubepods = kubepods_cgroup(root)
    return kubepods if qos is QosClass.GUARANTEED else f"{kubepods}/{qos.lower()}"


def pod_cgroup(root: str, qos: QosClass, uid: str) -> str:
    """The cgroup of one pod (upstream's cgroupfs driver)."""
    return f"{qos_cgroup(root, qos)}/pod{uid}"
