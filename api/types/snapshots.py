"""Snapshots of volumes (snapshot.storage.k8s.io/v1; upstream: custom resources of kubernetes-csi/external-snapshotter).

Upstream serves these kinds as custom resources: `status` is absent until a controller writes it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import ObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int64, Quantity, Time

PACKAGE = "snapshot/v1"

_POLICIES = ("Delete", "Retain")


class VolumeSnapshotClass(Record, frozen=True, kw_only=True):
    """A sort of snapshots, and the driver that takes them."""

    api_version: str = always("snapshot.storage.k8s.io/v1")
    kind: str = always("VolumeSnapshotClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    driver: Annotated[str, Field(required=True)] = always("")
    parameters: dict[str, str] = {}
    deletion_policy: Annotated[str, Field(required=True, enum=_POLICIES)] = always("")


class VolumeSnapshotError(Record, frozen=True, kw_only=True):
    """Why a snapshot could not be taken, last time."""

    time: Time | None = None
    message: str | None = None


class VolumeSnapshotSource(Record, frozen=True, kw_only=True):
    """What a snapshot is of: a claim in its namespace, or a content that is there already. Exactly one is set."""

    persistent_volume_claim_name: str | None = None
    volume_snapshot_content_name: str | None = None


class VolumeSnapshotSpec(Record, frozen=True, kw_only=True):
    """What a user asks for."""

    source: Annotated[VolumeSnapshotSource, Field(required=True)] = field(default_factory=VolumeSnapshotSource)
    volume_snapshot_class_name: str | None = None


class VolumeSnapshotStatus(Record, frozen=True, kw_only=True):
    """What became of it; restore_size: the least a volume restored from it must hold."""

    bound_volume_snapshot_content_name: str | None = None
    creation_time: Time | None = None
    ready_to_use: bool | None = None
    restore_size: Quantity | None = None
    error: VolumeSnapshotError | None = None
    volume_group_snapshot_name: str | None = None


class VolumeSnapshot(Record, frozen=True, kw_only=True):
    """A user's wish for a snapshot of a claim's volume."""

    api_version: str = always("snapshot.storage.k8s.io/v1")
    kind: str = always("VolumeSnapshot")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[VolumeSnapshotSpec, Field(required=True)] = field(default_factory=VolumeSnapshotSpec)
    status: VolumeSnapshotStatus | None = None


class VolumeSnapshotContentSource(Record, frozen=True, kw_only=True):
    """The volume to take, or the snapshot that is there already, as its driver names them. Exactly one is set."""

    volume_handle: str | None = None
    snapshot_handle: str | None = None


class VolumeSnapshotContentSpec(Record, frozen=True, kw_only=True):
    """A snapshot as its driver is asked for it."""

    volume_snapshot_ref: Annotated[ObjectReference, Field(required=True, map_type="atomic")] = field(
        default_factory=ObjectReference
    )
    deletion_policy: Annotated[str, Field(required=True, enum=_POLICIES)] = always("")
    driver: Annotated[str, Field(required=True)] = always("")
    volume_snapshot_class_name: str | None = None
    source: Annotated[VolumeSnapshotContentSource, Field(required=True)] = field(
        default_factory=VolumeSnapshotContentSource
    )
    source_volume_mode: str | None = None


class VolumeSnapshotContentStatus(Record, frozen=True, kw_only=True):
    """What the driver made of it; creation_time in nanoseconds since the epoch, restore_size in bytes."""

    snapshot_handle: str | None = None
    creation_time: Int64 | None = None
    restore_size: Int64 | None = None
    ready_to_use: bool | None = None
    error: VolumeSnapshotError | None = None
    volume_group_snapshot_handle: str | None = None


class VolumeSnapshotContent(Record, frozen=True, kw_only=True):
    """A snapshot on some storage."""

    api_version: str = always("snapshot.storage.k8s.io/v1")
    kind: str = always("VolumeSnapshotContent")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[VolumeSnapshotContentSpec, Field(required=True)] = field(default_factory=VolumeSnapshotContentSpec)
    status: VolumeSnapshotContentStatus | None = None
