"""Changes of the storage side, into the snapshot."""

from __future__ import annotations

from typing import Any, TypeVar

from api.types import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeSnapshotContent,
)
from scheduler.events import Change, StorageChange
from scheduler.snapshot.volumes import Volumes

Stored = (
    PersistentVolumeClaim
    | PersistentVolume
    | StorageClass
    | CSINode
    | CSIDriver
    | CSIStorageCapacity
    | VolumeSnapshotContent
)
K = TypeVar("K")


def store(volumes: Volumes, old: Stored | None, new: Stored | None) -> StorageChange | None:
    """Keep an object's new state; the event to tell waiting pods of, None when it can help nobody."""
    known = new if new is not None else old
    assert known is not None  # of a change, one side is there
    namespace, name = known.metadata.namespace, known.metadata.name
    match known:
        case PersistentVolumeClaim():
            _keep(volumes.claims, (namespace, name), new)
            change = StorageChange(Change.CLAIM_CHANGED, (namespace, name))
        case PersistentVolume():
            _keep(volumes.volumes, name, new)
            change = StorageChange(Change.VOLUME_CHANGED)
        case StorageClass():
            _keep(volumes.classes, name, new)
            change = StorageChange(Change.STORAGE_CLASS_CHANGED)
        case CSINode():
            _keep(volumes.csi_nodes, name, new)
            change = StorageChange(Change.CSI_NODE_CHANGED)
        case CSIDriver():
            _keep(volumes.drivers, name, new)
            change = StorageChange(Change.CSI_DRIVER_CHANGED)
        case CSIStorageCapacity():
            _keep(volumes.capacities, (namespace, name), new)
            change = StorageChange(Change.STORAGE_CAPACITY_CHANGED)
        case VolumeSnapshotContent():
            bound = known.spec.volume_snapshot_ref
            _keep(volumes.snapshots, (bound.namespace, bound.name), new)
            change = StorageChange(Change.VOLUME_CHANGED)
    return change if new is not None else None


def _keep(objects: dict[K, Any], key: K, new: Stored | None) -> None:
    if new is None:
        objects.pop(key, None)
    else:
        objects[key] = new
