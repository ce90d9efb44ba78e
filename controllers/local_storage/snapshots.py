"""What a snapshotter does about a VolumeSnapshotContent, and from CSI's snapshots to its status. Pure."""

from __future__ import annotations

from enum import Enum, auto

from msgspec.structs import replace

from api.types import (
    PersistentVolume,
    VolumeSnapshotContent,
    VolumeSnapshotContentStatus,
    VolumeSnapshotError,
)
from cluster.pb import csi_pb2 as pb
from controllers.local_storage import DRIVER
from controllers.local_storage.volumes import node_of
from controllers.snapshots import names


class Task(Enum):
    """TAKE a snapshot, FIND one that is there already, DELETE one, or only LET_GO of its content."""

    TAKE = auto()
    FIND = auto()
    DELETE = auto()
    LET_GO = auto()


def task(content: VolumeSnapshotContent) -> Task | None:
    """None when nothing is to be done, or it is another driver's."""
    spec, metadata = content.spec, content.metadata
    if spec.driver != DRIVER:
        return None
    if metadata.deletion_timestamp is not None:
        is_nobodys = spec.source.snapshot_handle is not None and not spec.volume_snapshot_ref.uid
        if not is_nobodys and metadata.annotations.get(names.BEING_DELETED) != "yes":
            return None  # its snapshot is to go first
        if names.CONTENT_PROTECTION not in metadata.finalizers:
            return None
        return Task.DELETE if spec.deletion_policy == "Delete" else Task.LET_GO
    if content.status is not None and content.status.ready_to_use:
        return None
    return Task.TAKE if spec.source.volume_handle is not None else Task.FIND


def handle(content: VolumeSnapshotContent) -> str:
    """What the driver calls the snapshot, or will."""
    told = None if content.status is None else content.status.snapshot_handle
    return told or content.spec.source.snapshot_handle or f"snapshot-{content.spec.volume_snapshot_ref.uid}"


def node_of_content(content: VolumeSnapshotContent, volume: PersistentVolume | None) -> str:
    """The node that has a snapshot, or the volume it is taken of; "" when nothing says so."""
    return content.metadata.labels.get(names.MANAGED_BY) or ("" if volume is None else node_of(volume))


def status_of(made: pb.Snapshot) -> VolumeSnapshotContentStatus:
    return VolumeSnapshotContentStatus(
        snapshot_handle=made.snapshot_id,
        creation_time=made.creation_time.ToNanoseconds(),
        restore_size=made.size_bytes,
        ready_to_use=made.ready_to_use,
    )


def failed(content: VolumeSnapshotContent, message: str, now: str) -> VolumeSnapshotContentStatus | None:
    """The status that says what failed; None when it says so already."""
    before = content.status or VolumeSnapshotContentStatus()
    if before.error is not None and before.error.message == message:
        return None
    return replace(before, ready_to_use=False, error=VolumeSnapshotError(time=now, message=message))
