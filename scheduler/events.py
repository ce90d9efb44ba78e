"""Changes in the cluster that may let a waiting pod be scheduled (upstream: cluster events of queueing hints)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from api.types import Node
from scheduler.pod_info import PodInfo


class Change(StrEnum):
    """What changed; the values are the event names of upstream's queue metrics."""

    NODE_ADDED = "NodeAdd"
    NODE_UPDATED = "NodeUpdate"
    NODE_DELETED = "NodeDelete"
    POD_ASSIGNED = "AssignedPodAdd"
    ASSIGNED_POD_UPDATED = "AssignedPodUpdate"
    ASSIGNED_POD_DELETED = "AssignedPodDelete"
    NAMESPACE_UPDATED = "NamespaceUpdate"
    CLAIM_CHANGED = "PersistentVolumeClaimUpdate"
    VOLUME_CHANGED = "PersistentVolumeUpdate"
    STORAGE_CLASS_CHANGED = "StorageClassUpdate"
    CSI_NODE_CHANGED = "CSINodeUpdate"
    CSI_DRIVER_CHANGED = "CSIDriverUpdate"
    STORAGE_CAPACITY_CHANGED = "CSIStorageCapacityUpdate"


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node came (old is None), changed in what plugins look at, or went (new is None)."""

    change: Change
    old: Node | None
    new: Node | None


@dataclass(frozen=True, slots=True)
class PodChange:
    """A pod came onto a node, changed there, or left it. `node` is the node's last known state."""

    change: Change
    old: PodInfo | None
    new: PodInfo | None
    node: Node | None


@dataclass(frozen=True, slots=True)
class NamespaceChange:
    """A namespace's labels changed."""

    change: Change = Change.NAMESPACE_UPDATED


@dataclass(frozen=True, slots=True)
class StorageChange:
    """Something came or changed on the storage side. claim: namespace and name, when it is a claim."""

    change: Change
    claim: tuple[str, str] | None = None


ClusterEvent = NodeChange | PodChange | NamespaceChange | StorageChange


def node_change(old: Node | None, new: Node | None) -> NodeChange | None:
    """The event of a node's change; None when nothing changed that a plugin looks at (a heartbeat)."""
    if old is None:
        return NodeChange(Change.NODE_ADDED, None, new)
    if new is None:
        return NodeChange(Change.NODE_DELETED, old, None)
    same = (
        old.spec.unschedulable == new.spec.unschedulable
        and old.status.allocatable == new.status.allocatable
        and old.metadata.labels == new.metadata.labels
        and old.spec.taints == new.spec.taints
    )
    return None if same else NodeChange(Change.NODE_UPDATED, old, new)
