"""What a Node's status says: capacity, conditions, images. Pure.

Source: upstream's pkg/kubelet/nodestatus setters and pkg/kubelet/eviction thresholds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from api import quantity
from api.types import (
    ContainerImage,
    DaemonEndpoint,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeFeatures,
    NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures,
    NodeStatus,
    NodeSystemInfo,
)
from kubelet.runtime.base import ImageStatus

MAX_IMAGES = 50
# Of one image (upstream: MaxNamesPerImageInNodeStatus).
MAX_NAMES = 5
# One runtime, under its own name and for pods of no class.
RUNTIME_HANDLERS = ("", "runc")


@dataclass(frozen=True, slots=True)
class Size:
    """How big the node is."""

    cpu_millis: int
    memory_bytes: int
    ephemeral_bytes: int
    max_pods: int
    huge_page_sizes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the kubelet runs. second_ip: of the other IP family, if there is one."""

    name: str
    ip: str
    port: int
    info: NodeSystemInfo
    second_ip: str = ""


def capacity(size: Size) -> dict[str, str]:
    """`status.capacity`."""
    return {
        "cpu": quantity.canonical(f"{size.cpu_millis}m"),
        "ephemeral-storage": _bytes(size.ephemeral_bytes),
        **{f"hugepages-{page}": "0" for page in size.huge_page_sizes},
        "memory": _bytes(size.memory_bytes),
        "pods": str(size.max_pods),
    }


def allocatable(size: Size, eviction_hard: Mapping[str, str]) -> dict[str, str]:
    """`status.allocatable`: the capacity less what hard eviction keeps free."""
    memory = size.memory_bytes - _amount(eviction_hard.get("memory.available", "0"), size.memory_bytes)
    disk = size.ephemeral_bytes - _amount(eviction_hard.get("nodefs.available", "0"), size.ephemeral_bytes)
    return {
        **capacity(size),
        "ephemeral-storage": _bytes(max(disk, 0)),
        "memory": _bytes(max(memory, 0)),
    }


def extended_resources(status: NodeStatus) -> dict[str, str]:
    """What people have the node offer beside what it is made of: kept, and wholly allocatable.

    Source: Kubernetes' documentation, Advertise Extended Resources for a Node.
    """
    return {name: amount for name, amount in status.capacity.items() if "/" in name}


def _bytes(count: int) -> str:
    """In whole Ki, in the one form the API server keeps: another would look like a change for ever."""
    return quantity.format(count // 1024 * 1024, "BinarySI")


def _amount(threshold: str, total: int) -> int:
    """A threshold as a number: a quantity, or a share of the total."""
    if threshold.endswith("%"):
        return int(float(threshold[:-1]) / 100 * total)
    return quantity.whole(threshold)


def conditions(
    previous: Iterable[NodeCondition], pressures: Collection[str], problems: Sequence[str], now: str
) -> list[NodeCondition]:
    """The kubelet's conditions and, unchanged, those of others.

    `pressures` are the types of those that are true; `problems` keep the node from being ready.
    """
    before = {condition.type: condition for condition in previous}
    ours = [
        _pressure("MemoryPressure", "MemoryPressure" in pressures, _MEMORY),
        _pressure("DiskPressure", "DiskPressure" in pressures, _DISK),
        _pressure("PIDPressure", "PIDPressure" in pressures, _PID),
        _ready(problems),
    ]
    result = []
    for condition in ours:
        old = before.pop(condition.type, None)
        changed = old is None or old.status != condition.status
        moved_at = now if changed or old is None else old.last_transition_time
        result.append(replace(condition, last_heartbeat_time=now, last_transition_time=moved_at))
    return [*result, *before.values()]


# Reason and message when there is pressure, and when there is none.
_MEMORY = (
    ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
)
_DISK = (
    ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
)
_PID = (
    ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


def _pressure(type: str, pressed: bool, texts: tuple[tuple[str, str], tuple[str, str]]) -> NodeCondition:
    reason, message = texts[0 if pressed else 1]
    return NodeCondition(type=type, status="True" if pressed else "False", reason=reason, message=message)


def _ready(problems: Sequence[str]) -> NodeCondition:
    if problems:
        return NodeCondition(type="Ready", status="False", reason="KubeletNotReady", message=f"[{', '.join(problems)}]")
    message = "kubelet is posting ready status"
    return NodeCondition(type="Ready", status="True", reason="KubeletReady", message=message)


# Reasons of the events that tell of a condition's change, by (type, status).
EVENTS = {
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}


def images(found: Iterable[ImageStatus]) -> list[ContainerImage]:
    """The node's images, the largest first, at most MAX_IMAGES with MAX_NAMES names each."""
    largest = sorted(found, key=lambda image: (-image.size_bytes, image.names))[:MAX_IMAGES]
    return [ContainerImage(names=list(image.names[:MAX_NAMES]), size_bytes=image.size_bytes) for image in largest]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is looked at anew for each status. pressures: types of the pressure conditions that are true."""

    size: Size
    thresholds: Mapping[str, str]
    pressures: Collection[str]
    images: Sequence[ImageStatus]
    problems: Sequence[str]


def status_of(identity: Identity, measured: Measured, previous: NodeStatus, now: str) -> NodeStatus:
    """The node's status; what others own in the previous one is kept."""
    return replace(
        previous,
        addresses=[
            *(NodeAddress(type="InternalIP", address=ip) for ip in (identity.ip, identity.second_ip) if ip),
            NodeAddress(type="Hostname", address=identity.name),
        ],
        capacity=capacity(measured.size) | extended_resources(previous),
        allocatable=allocatable(measured.size, measured.thresholds) | extended_resources(previous),
        conditions=conditions(previous.conditions, measured.pressures, measured.problems, now),
        daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=identity.port)),
        features=NodeFeatures(supplemental_groups_policy=True),
        images=images(measured.images),
        node_info=identity.info,
        runtime_handlers=[
            NodeRuntimeHandler(name=name, features=NodeRuntimeHandlerFeatures(user_namespaces=True))
            for name in RUNTIME_HANDLERS
        ],
    )


def same(one: NodeStatus, other: NodeStatus) -> bool:
    """Whether two statuses say the same, heartbeats aside."""
    return _without_heartbeats(one) == _without_heartbeats(other)


def _without_heartbeats(status: NodeStatus) -> NodeStatus:
    return replace(status, conditions=[replace(c, last_heartbeat_time=None) for c in status.conditions])
