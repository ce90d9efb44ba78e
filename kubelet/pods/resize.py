"""In-place resize: what of a pod's wish for other resources the node grants, and when. Pure.

A pod on a node has three sets of resources: desired (its spec), allocated (what the node has granted, and counts), and
actual (what its cgroups say). The worker lives with a pod whose spec shows the allocated ones; a wish that differs is
granted, deferred or found infeasible here. Source: upstream's pkg/kubelet/allocation (allocation_manager.go), KEP-1287.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from api import quantity
from api.types import Container, Pod, ResourceRequirements
from kubelet.containers.resources import (
    MIN_QUOTA_MICROSECONDS,
    QUOTA_PERIOD_MICROSECONDS,
    QosClass,
    amount,
    container_resources,
    is_sidecar,
    pod_requests,
    qos_class,
)
from kubelet.pods.actions import Action, ResizeContainers, StopCause, StopContainer
from kubelet.pods.view import Run, View, grace_seconds
from kubelet.runtime.base import ContainerState, Resources

RESIZED = ("cpu", "memory")
DEFERRED = "Deferred"
INFEASIBLE = "Infeasible"
LEAST_LIMIT_MILLIS = MIN_QUOTA_MICROSECONDS * 1000 // QUOTA_PERIOD_MICROSECONDS

_CLASSES = (QosClass.GUARANTEED, QosClass.BURSTABLE, QosClass.BEST_EFFORT)

Allocation = Mapping[str, ResourceRequirements]


@dataclass(frozen=True, slots=True)
class Pending:
    """Why a wish is not granted: reason (Deferred or Infeasible) and message of the PodResizePending condition.

    since: when this was first so.
    """

    reason: str
    message: str
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A pod as it wants to be, and since when it waits for that."""

    pod: Pod
    since: float


def allocation_of(pod: Pod) -> dict[str, ResourceRequirements]:
    """The resources of the pod's containers, by name."""
    return {container.name: container.resources for container in (*pod.spec.init_containers, *pod.spec.containers)}


def with_allocation(pod: Pod, allocation: Allocation) -> Pod:
    """The pod as if its spec asked for what was allocated; the same object when it does."""
    if all(allocation.get(name, wanted) == wanted for name, wanted in allocation_of(pod).items()):
        return pod
    spec = replace(
        pod.spec,
        containers=[_with(container, allocation) for container in pod.spec.containers],
        init_containers=[_with(container, allocation) for container in pod.spec.init_containers],
    )
    return replace(pod, spec=spec)


def _with(container: Container, allocation: Allocation) -> Container:
    return replace(container, resources=allocation.get(container.name, container.resources))


def assess(desired: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> Pending | None:
    """None when the node can grant what the pod asks for beside `others`, whose specs show what they are allocated."""
    wanted = pod_requests(desired)
    for resource in RESIZED:
        requested, capacity = wanted.get(resource, 0), amount(resource, allocatable[resource])
        if requested > capacity:
            text = f"Node didn't have enough capacity: {resource}, requested: {requested}, capacity: {capacity}"
            return Pending(INFEASIBLE, text)
    for resource in RESIZED:
        requested, capacity = wanted.get(resource, 0), amount(resource, allocatable[resource])
        used = sum(pod_requests(other).get(resource, 0) for other in others)
        if requested > capacity - used:
            where = f"requested: {requested}, used: {used}, capacity: {capacity}"
            return Pending(DEFERRED, f"Node didn't have enough resource: {resource}, {where}")
    return None


def assess_in_turn(
    wish: Wish, deferred: Iterable[Wish], held: Mapping[str, Pod], allocatable: Mapping[str, str]
) -> Pending | None:
    """What stands against a wish once those before it that the node can grant now are granted.

    deferred: the wishes of other pods; held: the pods of the node as allocated, by uid.
    """
    held = dict(held)
    for other in sorted(deferred, key=_turn):
        if _turn(other) < _turn(wish) and assess(other.pod, _others(other, held), allocatable) is None:
            held[other.pod.metadata.uid] = other.pod
    return assess(wish.pod, _others(wish, held), allocatable)


def _others(wish: Wish, held: Mapping[str, Pod]) -> list[Pod]:
    return [pod for uid, pod in held.items() if uid != wish.pod.metadata.uid]


def _turn(wish: Wish) -> tuple[int, int, float]:
    """By priority, then by class, then by how long it waits (upstream: sortPendingResizes)."""
    return -(wish.pod.spec.priority or 0), _CLASSES.index(qos_class(wish.pod)), wish.since


def steps(view: View) -> list[Action]:
    """What brings running containers to what is allocated: restarts where their resize policy asks, else new limits.

    What is to restart is stopped first, as upstream does: its limits are out of the pod's way then.
    """
    live: list[str] = []
    found: list[Action] = []
    for container in (*view.pod.spec.init_containers, *view.pod.spec.containers):
        run = view.in_sandbox(container.name)
        if run is None or run.state is not ContainerState.RUNNING or not _differs(view, container, run):
            continue
        if _needs_restart(view, container, run):
            grace = view.now + grace_seconds(view.pod)
            found.append(StopContainer(container.name, run.id, grace, StopCause.RESIZED, restarts=True))
        else:
            live.append(container.name)
    return found or ([ResizeContainers(tuple(live))] if live else [])


def in_progress(view: View) -> bool:
    """Whether a container that runs, or was stopped to run again, does not have what it is allocated."""
    for container in (*view.pod.spec.init_containers, *view.pod.spec.containers):
        run = view.in_sandbox(container.name)
        if run is None or (run.state is not ContainerState.RUNNING and container.name not in view.restarting):
            continue
        if _differs(view, container, run):
            return True
    return False


def _differs(view: View, container: Container, run: Run) -> bool:
    if view.pod.spec.resources is not None or (
        container in view.pod.spec.init_containers and not is_sidecar(container)
    ):
        return False
    return bool(_changed(view, container, run))


def _changed(view: View, container: Container, run: Run) -> set[str]:
    """The resources that the container does not have as allocated."""
    wanted, actual = container_resources(view.pod, container, 1), run.spec.resources
    changed = set()
    if (wanted.cpu_shares, wanted.cpu_quota) != (actual.cpu_shares, actual.cpu_quota):
        changed.add("cpu")
    if wanted.memory_limit_bytes != actual.memory_limit_bytes or (
        actual.memory_request_bytes not in (None, wanted.memory_request_bytes)
    ):
        changed.add("memory")
    return changed & {*container.resources.limits, *container.resources.requests}


def _needs_restart(view: View, container: Container, run: Run) -> bool:
    changed = _changed(view, container, run)
    return any(
        policy.restart_policy == "RestartContainer" and policy.resource_name in changed
        for policy in container.resize_policy
    )


def shown(allocated: ResourceRequirements, actual: Resources) -> ResourceRequirements:
    """`status.containerStatuses[].resources`: what is allocated, with cpu and memory as the container has them."""
    limits, requests = dict(allocated.limits), dict(allocated.requests)
    if "cpu" in limits and actual.cpu_quota > 0 and actual.cpu_period:
        quota_millis = -(-actual.cpu_quota * 1000 // actual.cpu_period)
        # The kernel knows no smaller quota: what is below the least is as good as it.
        if max(quota_millis, amount("cpu", limits["cpu"])) > LEAST_LIMIT_MILLIS:
            _put(limits, "cpu", quota_millis)
    if "memory" in limits and actual.memory_limit_bytes > 0:
        _put(limits, "memory", actual.memory_limit_bytes)
    if "cpu" in requests and actual.cpu_shares > 2:
        _put(requests, "cpu", -(-actual.cpu_shares * 1000 // 1024))
    if "memory" in requests and actual.memory_request_bytes:
        _put(requests, "memory", actual.memory_request_bytes)
    return replace(allocated, limits=limits, requests=requests)


def _put(amounts: dict[str, str], resource: str, value: int) -> None:
    """Put a value in, unless the text that is there already means as much in the kernel."""
    known = amount(resource, amounts[resource])
    # Shares are coarser than thousandths of a CPU.
    if known == value or (resource == "cpu" and known * 1024 // 1000 == value * 1024 // 1000):
        return
    amounts[resource] = quantity.canonical(f"{value}m") if resource == "cpu" else quantity.format(value, "BinarySI")
