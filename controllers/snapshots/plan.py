"""What to do next about a VolumeSnapshot. Pure.

Reasons and messages of failures are upstream's. A failure is not tried again and again: what can mend it (the claim,
its volume, a class, a content) is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api import quantity, timestamps
from api.types import (
    PersistentVolume,
    PersistentVolumeClaim,
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
    VolumeSnapshotStatus,
)
from controllers.snapshots import contents, names

GROUP = "snapshot.storage.k8s.io"


@dataclass(frozen=True, slots=True)
class View:
    """What concerns a snapshot.

    claim, volume: what it is taken of. content: the one it names, or that was made for it. is_source: claims wait for
    a volume restored from it. is_claim_needed: another snapshot is being taken of the claim.
    """

    snapshot: VolumeSnapshot
    claim: PersistentVolumeClaim | None = None
    volume: PersistentVolume | None = None
    content: VolumeSnapshotContent | None = None
    classes: Sequence[VolumeSnapshotClass] = field(default_factory=tuple)
    is_source: bool = False
    is_claim_needed: bool = False


@dataclass(frozen=True, slots=True)
class Finalize:
    """Give the snapshot these finalizers."""

    finalizers: list[str]


@dataclass(frozen=True, slots=True)
class UseClass:
    """Have the snapshot be of the default class."""

    name: str


@dataclass(frozen=True, slots=True)
class FinalizeClaim:
    """Give the claim these finalizers."""

    finalizers: list[str]


@dataclass(frozen=True, slots=True)
class MakeContent:
    """Have the driver take the snapshot."""

    content: VolumeSnapshotContent


@dataclass(frozen=True, slots=True)
class WriteContent:
    """Change the content: bound, or marked as to be deleted."""

    content: VolumeSnapshotContent


@dataclass(frozen=True, slots=True)
class DeleteContent:
    """Delete the content; its driver's snapshotter deletes the snapshot itself first."""


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """told: events of type Normal, as (reason, message)."""

    status: VolumeSnapshotStatus
    told: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """Say in status and event why it does not go on."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Say why it does not go on, in an event only."""

    reason: str
    message: str


Step = Finalize | UseClass | FinalizeClaim | MakeContent | WriteContent | DeleteContent | WriteStatus | Fail | Wait


def next_step(view: View) -> Step | None:
    """None when nothing is to be done."""
    if view.snapshot.metadata.deletion_timestamp is not None:
        return _deletion(view)
    is_ready = is_bound(view.snapshot) and view.snapshot.status is not None and view.snapshot.status.ready_to_use
    return _class(view) or _protection(view) or (_check(view) if is_ready else _progress(view)) or _let_go(view)


def is_bound(snapshot: VolumeSnapshot) -> bool:
    return snapshot.status is not None and snapshot.status.bound_volume_snapshot_content_name is not None


def content_name(snapshot: VolumeSnapshot) -> str:
    """The content that belongs to a snapshot."""
    given = snapshot.spec.source.volume_snapshot_content_name
    return f"snapcontent-{snapshot.metadata.uid}" if given is None else given


def _class(view: View) -> Step | None:
    """A snapshot of a claim that names no class gets the default one of the volume's driver."""
    spec = view.snapshot.spec
    if spec.volume_snapshot_class_name is not None or spec.source.persistent_volume_claim_name is None:
        return None
    problem = _claim_problem(view)
    if problem:
        return Fail("SetDefaultSnapshotClassFailed", f"Failed to set default snapshot class with error {problem}")
    assert view.volume is not None and view.volume.spec.csi is not None
    driver = view.volume.spec.csi.driver
    marked = [
        each.metadata.name
        for each in view.classes
        if each.driver == driver and each.metadata.annotations.get(names.IS_DEFAULT) == "true"
    ]
    if len(marked) == 1:
        return UseClass(marked[0])
    problem = f"{len(marked)} default snapshot classes were found" if marked else "cannot find default snapshot class"
    return Fail("SetDefaultSnapshotClassFailed", f"Failed to set default snapshot class with error {problem}")


def _claim_problem(view: View) -> str:
    """Why a claim's volume cannot be snapshot; "" when it can."""
    name = view.snapshot.spec.source.persistent_volume_claim_name
    claim, volume = view.claim, view.volume
    if claim is None:
        return f'failed to retrieve PVC {name} from the lister: persistentvolumeclaim "{name}" not found'
    if claim.status.phase != "Bound":
        return f"the PVC {name} is not yet bound to a PV, will not attempt to take a snapshot"
    if volume is None or not _is_of(volume, claim):
        return "claim in dataSource not bound or invalid"
    if volume.spec.csi is None:
        return f"cannot find CSI PersistentVolumeSource for volume {volume.metadata.name}"
    return ""


def _is_of(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    reference = volume.spec.claim_ref
    return reference is not None and reference.uid in ("", claim.metadata.uid)


def _protection(view: View) -> Step | None:
    snapshot, content = view.snapshot, view.content
    wanted = [names.SOURCE_PROTECTION]
    is_both_ways = content is not None and is_bound(snapshot) and contents.is_for(content, snapshot)
    if is_both_ways and content is not None and content.spec.deletion_policy == "Delete":
        wanted.append(names.BOUND_PROTECTION)
    missing = [each for each in wanted if each not in snapshot.metadata.finalizers]
    return Finalize([*snapshot.metadata.finalizers, *missing]) if missing else None


def _check(view: View) -> Step | None:
    """A snapshot that is ready stays so for as long as its content is there, and its own."""
    if view.content is None:
        return Fail("SnapshotContentMissing", "VolumeSnapshotContent is missing")
    if not contents.is_for(view.content, view.snapshot):
        return Fail("SnapshotMisbound", "VolumeSnapshotContent is not bound to the VolumeSnapshot correctly")
    return None


def _progress(view: View) -> Step | None:
    if view.snapshot.spec.source.volume_snapshot_content_name is not None:
        return _given(view)
    if view.content is not None:
        return _taken(view, view.content)
    # A snapshot is of its moment: one that was lost is not taken anew.
    return _check(view) if is_bound(view.snapshot) else _made(view)


def _given(view: View) -> Step | None:
    """A content that was there first."""
    snapshot, content = view.snapshot, view.content
    if content is None:
        return Fail("SnapshotContentMissing", "VolumeSnapshotContent is missing")
    if content.spec.source.snapshot_handle is None:
        text = "VolumeSnapshotContent is dynamically provisioned while expecting a pre-provisioned one"
        return Fail("SnapshotContentMismatch", text)
    if not contents.may_be_for(content, snapshot):
        return _misbound(content)
    bound = contents.bound(content, snapshot)
    return _status(snapshot, content) if bound == content else WriteContent(bound)


def _taken(view: View, content: VolumeSnapshotContent) -> Step | None:
    """A content that was made for the snapshot."""
    if content.spec.source.volume_handle is None:
        name = content.metadata.name
        text = f"VolumeSnapshotContent {name} is pre-provisioned while expecting a dynamically provisioned one"
        return Fail("SnapshotContentMismatch", text)
    return _status(view.snapshot, content) if contents.is_for(content, view.snapshot) else _misbound(content)


def _misbound(content: VolumeSnapshotContent) -> Fail:
    text = f"VolumeSnapshotContent [{content.metadata.name}] is bound to a different snapshot"
    return Fail("SnapshotContentMisbound", text)


def _made(view: View) -> Step:
    """Have the snapshot taken, or say why that cannot be."""
    snapshot, claim, volume = view.snapshot, view.claim, view.volume
    wanted = snapshot.spec.volume_snapshot_class_name
    chosen = next((each for each in view.classes if each.metadata.name == wanted), None)
    if chosen is None:
        text = f'Failed to get snapshot class with error volumesnapshotclass.{GROUP} "{wanted}" not found'
        return Fail("GetSnapshotClassFailed", text)
    problem = _claim_problem(view)
    if problem:
        given = f'failed to get input parameters to create snapshot {snapshot.metadata.name}: "{problem}"'
        return _not_made(given)
    assert claim is not None and volume is not None and volume.spec.csi is not None
    if claim.metadata.deletion_timestamp is not None:
        return _not_made(f"cannot add finalizer on claim {claim.metadata.name} because it is being deleted")
    driver = volume.spec.csi.driver
    if driver != chosen.driver:
        text = f"volume {volume.metadata.name} is of driver {driver} and snapshot class {wanted} of {chosen.driver}"
        return _not_made(text)
    if names.CLAIM_PROTECTION not in claim.metadata.finalizers:
        return FinalizeClaim([*claim.metadata.finalizers, names.CLAIM_PROTECTION])
    return MakeContent(contents.dynamic(snapshot, content_name(snapshot), volume, chosen))


def _not_made(problem: str) -> Fail:
    return Fail("SnapshotContentCreationFailed", f"Failed to create snapshot content with error {problem}")


def _status(snapshot: VolumeSnapshot, content: VolumeSnapshotContent) -> Step | None:
    """What the content's driver says, told in the snapshot."""
    before = snapshot.status or VolumeSnapshotStatus()
    told = content.status
    after = replace(before, bound_volume_snapshot_content_name=content.metadata.name, ready_to_use=False, error=None)
    if told is not None:
        is_ready = bool(told.ready_to_use)
        after = replace(after, ready_to_use=is_ready, error=None if is_ready else told.error)
        if told.creation_time is not None:
            after = replace(after, creation_time=timestamps.now_text(told.creation_time / 1e9))
        if told.restore_size is not None:
            after = replace(after, restore_size=quantity.format(told.restore_size, "BinarySI"))
    if after == before:
        return None
    events = []
    who = f"{snapshot.metadata.namespace}/{snapshot.metadata.name}"
    if before.creation_time is None and after.creation_time is not None:
        events.append(("SnapshotCreated", f"Snapshot {who} was successfully created by the CSI driver."))
    if after.ready_to_use and not before.ready_to_use:
        events.append(("SnapshotReady", f"Snapshot {who} is ready to use."))
    return WriteStatus(after, tuple(events))


def _let_go(view: View) -> Step | None:
    """A claim is protected only while snapshots are being taken of it."""
    snapshot, claim = view.snapshot, view.claim
    if claim is None or names.CLAIM_PROTECTION not in claim.metadata.finalizers or view.is_claim_needed:
        return None
    is_taking = snapshot.metadata.deletion_timestamp is None and not (snapshot.status and snapshot.status.ready_to_use)
    if is_taking:
        return None
    return FinalizeClaim([each for each in claim.metadata.finalizers if each != names.CLAIM_PROTECTION])


def _deletion(view: View) -> Step | None:
    """The content goes first, if it is to go; the snapshot last."""
    snapshot = view.snapshot
    ours = {names.SOURCE_PROTECTION, names.BOUND_PROTECTION}
    if not ours.intersection(snapshot.metadata.finalizers):
        return _let_go(view)
    content = view.content if view.content is not None and contents.is_for(view.content, snapshot) else None
    goes = content is not None and content.spec.deletion_policy == "Delete"
    if content is not None:
        if view.is_source:
            return Wait("SnapshotDeletePending", "Snapshot is being used to restore a PVC")
        if content.metadata.annotations.get(names.BEING_DELETED) != "yes":
            return WriteContent(contents.marked(content))
        if goes and content.metadata.deletion_timestamp is None:
            return DeleteContent()
    keep = {names.BOUND_PROTECTION} if goes else set()
    left = [each for each in snapshot.metadata.finalizers if each not in ours or each in keep]
    return _let_go(view) or (Finalize(left) if left != snapshot.metadata.finalizers else None)
