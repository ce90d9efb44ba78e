"""VolumeSnapshotContents, made and changed. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from api.types import (
    ObjectMeta,
    ObjectReference,
    PersistentVolume,
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
    VolumeSnapshotContentSource,
    VolumeSnapshotContentSpec,
)
from controllers.local_storage.volumes import node_of
from controllers.snapshots import names


def is_for(content: VolumeSnapshotContent, snapshot: VolumeSnapshot) -> bool:
    """Whether a content is bound to this very snapshot."""
    return may_be_for(content, snapshot) and content.spec.volume_snapshot_ref.uid != ""


def may_be_for(content: VolumeSnapshotContent, snapshot: VolumeSnapshot) -> bool:
    """Whether a content is bound to this snapshot, or reserved for one of its name."""
    reference, metadata = content.spec.volume_snapshot_ref, snapshot.metadata
    named = (reference.namespace, reference.name) == (metadata.namespace, metadata.name)
    return named and reference.uid in ("", metadata.uid)


def bound(content: VolumeSnapshotContent, snapshot: VolumeSnapshot) -> VolumeSnapshotContent:
    """The content, bound to the snapshot it was reserved for."""
    reference = replace(content.spec.volume_snapshot_ref, uid=snapshot.metadata.uid)
    class_name = content.spec.volume_snapshot_class_name or snapshot.spec.volume_snapshot_class_name
    spec = replace(content.spec, volume_snapshot_ref=reference, volume_snapshot_class_name=class_name)
    return replace(content, spec=spec)


def marked(content: VolumeSnapshotContent) -> VolumeSnapshotContent:
    """The content of a snapshot that goes."""
    metadata = content.metadata
    annotations = {**metadata.annotations, names.BEING_DELETED: "yes"}
    return replace(content, metadata=replace(metadata, annotations=annotations))


def dynamic(
    snapshot: VolumeSnapshot, name: str, volume: PersistentVolume, chosen: VolumeSnapshotClass
) -> VolumeSnapshotContent:
    """The content by which a driver is asked for a snapshot of a volume. volume: of a CSI driver."""
    assert volume.spec.csi is not None
    node = node_of(volume)
    return VolumeSnapshotContent(
        metadata=ObjectMeta(
            name=name,
            finalizers=[names.CONTENT_PROTECTION],
            # A volume that only one node can reach is snapshot there.
            labels={names.MANAGED_BY: node} if node else {},
        ),
        spec=VolumeSnapshotContentSpec(
            volume_snapshot_ref=ObjectReference(
                api_version=snapshot.api_version,
                kind=snapshot.kind,
                namespace=snapshot.metadata.namespace,
                name=snapshot.metadata.name,
                uid=snapshot.metadata.uid,
                resource_version=snapshot.metadata.resource_version,
            ),
            deletion_policy=chosen.deletion_policy,
            driver=chosen.driver,
            volume_snapshot_class_name=chosen.metadata.name,
            source=VolumeSnapshotContentSource(volume_handle=volume.spec.csi.volume_handle),
            source_volume_mode=volume.spec.volume_mode,
        ),
    )
