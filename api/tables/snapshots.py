"""Tables of snapshots: the columns of upstream's custom resource definitions, where what is not set stays empty."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout
from api.tables.text import age, since
from api.types import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent, VolumeSnapshotContentStatus
from api.types import VolumeSnapshotStatus as Status

_READY = Column("ReadyToUse", "Whether a volume can be restored from the snapshot.", type="boolean")
_POLICY = Column("DeletionPolicy", "Whether the snapshot itself goes with its VolumeSnapshot.")


def _class_cells(snapshot_class: VolumeSnapshotClass, now: float) -> list[Cell | None]:
    metadata = snapshot_class.metadata
    return [metadata.name, snapshot_class.driver, snapshot_class.deletion_policy, age(metadata, now)]


CLASSES = Layout(columns=(NAME, Column("Driver", "Who takes the snapshots."), _POLICY, AGE), cells=_class_cells)


def _snapshot_cells(snapshot: VolumeSnapshot, now: float) -> list[Cell | None]:
    spec, status = snapshot.spec, snapshot.status or Status()
    return [
        snapshot.metadata.name,
        status.ready_to_use,
        spec.source.persistent_volume_claim_name,
        spec.source.volume_snapshot_content_name,
        status.restore_size,
        spec.volume_snapshot_class_name,
        status.bound_volume_snapshot_content_name,
        None if status.creation_time is None else since(status.creation_time, now),
        age(snapshot.metadata, now),
    ]


SNAPSHOTS = Layout(
    columns=(
        NAME,
        _READY,
        Column("SourcePVC", "The claim whose volume the snapshot is of."),
        Column("SourceSnapshotContent", "The content the snapshot is to stand for."),
        Column("RestoreSize", "The least a volume restored from the snapshot must hold."),
        Column("SnapshotClass", "The class of the snapshot."),
        Column("SnapshotContent", "The content the snapshot is bound to."),
        Column("CreationTime", "Since when the snapshot is there.", type="date"),
        AGE,
    ),
    cells=_snapshot_cells,
)


def _content_cells(content: VolumeSnapshotContent, now: float) -> list[Cell | None]:
    spec, status = content.spec, content.status or VolumeSnapshotContentStatus()
    return [
        content.metadata.name,
        status.ready_to_use,
        status.restore_size,
        spec.deletion_policy,
        spec.driver,
        spec.volume_snapshot_class_name,
        spec.volume_snapshot_ref.name,
        spec.volume_snapshot_ref.namespace,
        age(content.metadata, now),
    ]


CONTENTS = Layout(
    columns=(
        NAME,
        _READY,
        Column("RestoreSize", "How many bytes a volume restored from the snapshot must hold.", type="integer"),
        _POLICY,
        Column("Driver", "Who took the snapshot."),
        Column("VolumeSnapshotClass", "The class of the snapshot."),
        Column("VolumeSnapshot", "The snapshot the content is bound to."),
        Column("VolumeSnapshotNamespace", "The namespace of that snapshot."),
        AGE,
    ),
    cells=_content_cells,
)
