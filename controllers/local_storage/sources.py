"""What a claim's volume is to be a copy of: another claim's volume, or a snapshot. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api import quantity
from api.types import PersistentVolume, PersistentVolumeClaim, VolumeSnapshot, VolumeSnapshotContent
from cluster.pb import csi_pb2 as pb
from controllers.local_storage import DRIVER
from controllers.local_storage.volumes import is_ours, node_of
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


def clone_source(
    claim: PersistentVolumeClaim, original: PersistentVolumeClaim | None, volume: PersistentVolume | None
) -> Source | str:
    """The claim that a claim names, or why it cannot be cloned now. volume: that the original is bound to."""
    source, namespace = claim.spec.data_source, claim.metadata.namespace
    name = "" if source is None else source.name
    if original is None:
        missing = f'persistentvolumeclaims "{name}" not found'
        return _cloned(name, f'error getting PVC {name} (namespace "{namespace}") from api server: {missing}')
    if original.metadata.deletion_timestamp is not None:
        return _cloned(name, f"the PVC DataSource {name} is currently being deleted")
    if original.status.phase != "Bound" or volume is None:
        phase = original.status.phase
        return _cloned(name, f"the PVC DataSource {name} must have a status of Bound.  Got {phase}")
    if not is_ours(volume) or volume.spec.csi is None:
        return _cloned(name, f"the source PV {volume.metadata.name} is not of driver {DRIVER}")
    if (volume.spec.volume_mode or "Filesystem") != (claim.spec.volume_mode or "Filesystem"):
        return _cloned(name, "the source PVC and destination PVCs must have the same volume mode for cloning")
    held = int(quantity.whole(volume.spec.capacity.get("storage", "0")))
    if (wanted := int(wanted_size(claim))) < held:
        text = "error, new PVC request must be greater than or equal in size to the specified PVC data source"
        return _cloned(name, f"{text}, requested {wanted} but source is {held}")
    return Source(node_of(volume), volume_handle=volume.spec.csi.volume_handle)


def _cloned(name: str, problem: str) -> str:
    return f"error getting handle for DataSource Type PersistentVolumeClaim by Name {name}: {problem}"


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
