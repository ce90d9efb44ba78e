"""What a claim's volume is to be a copy of: another claim's volume, or a snapshot. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api import quantity
from api.types import PersistentVolumeClaim, VolumeSnapshot, VolumeSnapshotContent
from cluster.pb import csi_pb2 as pb
from controllers.local_storage import DRIVER
from controllers.persistent_volume.matching import wanted_size
from controllers.snapshots import contents, names

_KINDS = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


@dataclass(frozen=True, slots=True)
class Source:
    """node: the only one a copy can be made on. One of the handles is set."""

    node: str
    volume_handle: str = ""
    snapshot_handle: str = ""

    def add_to(self, request: pb.CreateVolumeRequest) -> None:
        if self.snapshot_handle:
            request.volume_content_source.snapshot.snapshot_id = self.snapshot_handle
        else:
            request.volume_content_source.volume.volume_id = self.volume_handle


def is_foreign(claim: PersistentVolumeClaim) -> bool:
    """Whether the claim is to be filled by somebody who knows what its `dataSourceRef` means: a populator."""
    reference = claim.spec.data_source_ref
    if reference is None:
        return False
    return bool(reference.namespace) or ((reference.api_group or ""), reference.kind) not in _KINDS


def is_restored(claim: PersistentVolumeClaim) -> bool:
    source = claim.spec.data_source
    return source is not None and source.kind == VolumeSnapshot.__name__


def snapshot_source(
    claim: PersistentVolumeClaim, snapshot: VolumeSnapshot | None, content: VolumeSnapshotContent | None
) -> Source | str:
    """The snapshot a claim names, or why a volume cannot be restored from it now. content: that it is bound to."""
    name = claim.spec.data_source.name if claim.spec.data_source is not None else ""
    if snapshot is None:
        missing = f'volumesnapshots.snapshot.storage.k8s.io "{name}" not found'
        return _told(name, f"error getting snapshot {name} from api server: {missing}")
    if snapshot.metadata.deletion_timestamp is not None:
        return _told(name, f"snapshot {name} is currently being deleted")
    if content is None or not contents.is_for(content, snapshot):
        return _told(name, f"snapshot {name} not bound")
    if content.spec.driver != DRIVER:
        return _told(name, f"snapshot {name} is of driver {content.spec.driver}, the class of {DRIVER}")
    status = snapshot.status
    handle = None if content.status is None else content.status.snapshot_handle
    if status is None or not status.ready_to_use or handle is None:
        return _told(name, f"snapshot {name} is not Ready")
    least = int(quantity.whole(status.restore_size or "0"))
    if (wanted := int(wanted_size(claim))) < least:
        return _told(
            name, f"requested volume size {wanted} is less than the size {least} for the source snapshot {name}"
        )
    problem = _mode_problem(claim, content)
    return _told(name, problem) if problem else Source(content.metadata.labels.get(names.MANAGED_BY, ""), "", handle)


def _mode_problem(claim: PersistentVolumeClaim, content: VolumeSnapshotContent) -> str:
    before = content.spec.source_volume_mode
    if before is None or before == (claim.spec.volume_mode or "Filesystem"):
        return ""
    if content.metadata.annotations.get(names.MODE_CHANGE) == "true":
        return ""
    return (
        f"requested volume {claim.metadata.namespace}/{claim.metadata.name} modifies the mode of the source volume "
        f"but does not have permission to do so. {names.MODE_CHANGE} annotation is not present on snapshotcontent "
        f"{content.metadata.name}"
    )


def _told(name: str, problem: str) -> str:
    return f"error getting handle for DataSource Type VolumeSnapshot by Name {name}: {problem}"
