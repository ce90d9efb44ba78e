"""Whether this node may run a pod that was bound to it. Pure.

A pod may be bound by anyone, and the scheduler may have been mistaken; what does not fit is refused with
upstream's reason (pkg/kubelet/lifecycle/predicate.go) and fails. Pods that already run are not asked again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from api import node_terms
from api.types import Pod, Taint, Toleration
from kubelet.containers.resources import QosClass, amount, pod_requests, qos_class
from kubelet.containers.security import forbidden_sysctl, unenforceable_app_armor
from kubelet.eviction.ranking import is_critical, preempted

ANY_ADDRESS = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the decision needs to know of the node. pressures: the pressure conditions that are true."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Taint]
    allocatable: Mapping[str, str]
    allowed_unsafe_sysctls: Sequence[str] = ()
    pressures: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """`status.reason` and the message of a pod that is refused."""

    reason: str
    message: str


def admit(pod: Pod, others: Sequence[Pod], node: NodeFacts) -> Rejection | None:
    """None when the pod may run beside `others`, the pods that already do."""
    pressed = _pressure(pod, node)
    if pressed is not None:
        return pressed
    if (message := unenforceable_app_armor(pod)) is not None:
        return Rejection("AppArmor", message)
    forbidden = forbidden_sysctl(pod, node.allowed_unsafe_sysctls)
    if forbidden is not None:
        return Rejection("SysctlForbidden", forbidden)
    return _resources(pod, others, node) or _placement(pod, others, node)


def _pressure(pod: Pod, node: NodeFacts) -> Rejection | None:
    """A node under pressure takes critical pods; short of memory alone, also those that have asked for some."""
    if not node.pressures or is_critical(pod):
        return None
    if set(node.pressures) == {"MemoryPressure"}:
        taint = Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
        if qos_class(pod) is not QosClass.BEST_EFFORT or any(_tolerates(t, taint) for t in pod.spec.tolerations):
            return None
    return Rejection("Evicted", f"The node had condition: [{' '.join(sorted(node.pressures))}]. ")


def displaced(pod: Pod, others: Sequence[Pod], node: NodeFacts) -> list[Pod]:
    """The pods a critical pod that was refused for want of resources takes the place of; none when that cannot help."""
    if not is_critical(pod):
        return []
    requests, missing = {"pods": 1, **pod_requests(pod)}, dict[str, int]()
    for resource, requested in requests.items():
        if requested and resource in node.allocatable:
            used = sum({"pods": 1, **pod_requests(other)}.get(resource, 0) for other in others)
            missing[resource] = requested + used - amount(resource, node.allocatable[resource])
    victims = preempted(pod, others, {resource: value for resource, value in missing.items() if value > 0}) or []
    left = [other for other in others if other not in victims]
    return victims if victims and admit(pod, left, node) is None else []


def _resources(pod: Pod, others: Sequence[Pod], node: NodeFacts) -> Rejection | None:
    requests = {"pods": 1, **pod_requests(pod)}
    used = {"pods": len(others)}
    for other in others:
        for resource, value in pod_requests(other).items():
            used[resource] = used.get(resource, 0) + value
    for resource, requested in requests.items():
        if requested == 0 or resource not in node.allocatable:
            continue
        capacity, taken = amount(resource, node.allocatable[resource]), used.get(resource, 0)
        if requested > capacity - taken:
            message = (
                f"Node didn't have enough resource: {resource}, "
                f"requested: {requested}, used: {taken}, capacity: {capacity}"
            )
            return Rejection(f"OutOf{resource}", message)
    return None


def _placement(pod: Pod, others: Sequence[Pod], node: NodeFacts) -> Rejection | None:
    if pod.spec.os is not None and pod.spec.os.name not in ("", "linux"):
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return Rejection("PodOSNotSupported", message)
    if not selected(pod, node):
        message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
        return Rejection("NodeAffinity", message)
    if _port_conflict(pod, others):
        message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
        return Rejection("NodePorts", message)
    for taint in node.taints:
        if taint.effect == "NoExecute" and not any(_tolerates(t, taint) for t in pod.spec.tolerations):
            message = f"Predicate TaintToleration failed: node(s) had untolerated taint {{{taint.key}: {taint.value}}}"
            return Rejection("TaintToleration", message)
    return None


def selected(pod: Pod, node: NodeFacts) -> bool:
    """Whether `nodeSelector` and the required node affinity choose this node."""
    if any(node.labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return required is None or node_terms.selects(required, node.name, node.labels)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    return toleration.operator == "Exists" or (bool(toleration.key) and toleration.value == taint.value)


@dataclass(frozen=True, slots=True)
class _HostPort:
    ip: str
    protocol: str
    port: int

    def conflicts(self, other: _HostPort) -> bool:
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.ip == other.ip or self.ip in ANY_ADDRESS or other.ip in ANY_ADDRESS


def _host_ports(pods: Iterable[Pod]) -> Iterator[_HostPort]:
    for pod in pods:
        for container in (*pod.spec.containers, *pod.spec.init_containers):
            for port in container.ports:
                if port.host_port:
                    yield _HostPort(port.host_ip, port.protocol or "TCP", port.host_port)


def _port_conflict(pod: Pod, others: Sequence[Pod]) -> bool:
    wanted = list(_host_ports([pod]))
    if not wanted:
        return False
    return any(mine.conflicts(theirs) for theirs in _host_ports(others) for mine in wanted)
