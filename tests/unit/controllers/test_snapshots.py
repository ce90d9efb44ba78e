"""The snapshot controller's and the snapshotter's decisions, and what volumes are restored from."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults
from api.types import (
    PersistentVolume,
    PersistentVolumeClaim,
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
)
from cluster.pb import csi_pb2 as pb
from controllers.local_storage import DRIVER
from controllers.local_storage.snapshots import Task, failed, handle, status_of, task
from controllers.local_storage.sources import Source, clone_source, is_foreign, snapshot_source
from controllers.persistent_volume.names import PROVISIONED_BY
from controllers.snapshots import names
from controllers.snapshots.plan import (
    DeleteContent,
    Fail,
    Finalize,
    FinalizeClaim,
    MakeContent,
    Step,
    UseClass,
    View,
    Wait,
    WriteContent,
    WriteStatus,
    next_step,
)

DELETED = "2024-01-01T00:00:00Z"
SOURCE, BOUND, OF_CLAIM = names.SOURCE_PROTECTION, names.BOUND_PROTECTION, names.CLAIM_PROTECTION


def snapshot(*, finalizers: tuple[str, ...] = (SOURCE,), deleted: bool = False, **more: Any) -> VolumeSnapshot:
    metadata: dict[str, Any] = {"name": "s", "namespace": "n", "uid": "u", "finalizers": list(finalizers)}
    if deleted:
        metadata["deletionTimestamp"] = DELETED
    spec = more.pop("spec", {"source": {"persistentVolumeClaimName": "c"}, "volumeSnapshotClassName": "k"})
    return codec.from_tree(VolumeSnapshot, {"metadata": metadata, "spec": spec, **more})


def claim(phase: str = "Bound", *finalizers: str, **spec: Any) -> PersistentVolumeClaim:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "v", **spec}
    metadata = {"name": "c", "namespace": "n", "uid": "cu", "finalizers": list(finalizers)}
    return defaults.apply(
        codec.from_tree(PersistentVolumeClaim, {"metadata": metadata, "spec": spec, "status": {"phase": phase}})
    )


def volume(driver: str = DRIVER, uid: str = "cu") -> PersistentVolume:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}]}
    spec = {
        "csi": {"driver": driver, "volumeHandle": "pvc-cu"},
        "claimRef": {"namespace": "n", "name": "c", "uid": uid},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
    }
    return defaults.apply(codec.from_tree(PersistentVolume, {"metadata": {"name": "v"}, "spec": spec}))


def snapshot_class(name: str = "k", driver: str = DRIVER, default: bool = False) -> VolumeSnapshotClass:
    marks = {names.IS_DEFAULT: "true"} if default else {}
    metadata = {"name": name, "annotations": marks}
    return codec.from_tree(VolumeSnapshotClass, {"metadata": metadata, "driver": driver, "deletionPolicy": "Delete"})


def content(*, uid: str = "u", given: bool = False, policy: str = "Delete", **more: Any) -> VolumeSnapshotContent:
    metadata = {"name": "snapcontent-u", "labels": {names.MANAGED_BY: "node-2"}, **more.pop("metadata", {})}
    spec = {
        "driver": DRIVER,
        "deletionPolicy": policy,
        "source": {"snapshotHandle": "h"} if given else {"volumeHandle": "pvc-cu"},
        "volumeSnapshotRef": {"namespace": "n", "name": "s", "uid": uid},
        **more.pop("spec", {}),
    }
    return codec.from_tree(VolumeSnapshotContent, {"metadata": metadata, "spec": spec, **more})


TAKEN = {"readyToUse": True, "restoreSize": 1 << 30, "creationTime": 1_700_000_000_000_000_000, "snapshotHandle": "h"}
READY = {"readyToUse": True, "boundVolumeSnapshotContentName": "snapcontent-u", "restoreSize": "1Gi"}
READY["creationTime"] = "2023-11-14T22:13:20Z"
HELD = claim("Bound", OF_CLAIM)


def whole(**more: Any) -> View:
    values: dict[str, Any] = {"snapshot": snapshot(), "claim": HELD, "volume": volume(), "classes": [snapshot_class()]}
    return View(**values | more)


def test_a_snapshot_is_protected_first_then_its_claim_then_the_driver_is_asked() -> None:
    assert next_step(whole(snapshot=snapshot(finalizers=()))) == Finalize([SOURCE])
    assert next_step(whole(claim=claim("Bound", "other"))) == FinalizeClaim(["other", OF_CLAIM])
    step = next_step(whole())
    assert isinstance(step, MakeContent)
    made = step.content
    assert (made.metadata.name, made.metadata.labels) == ("snapcontent-u", {names.MANAGED_BY: "node-2"})
    assert made.metadata.finalizers == [names.CONTENT_PROTECTION]
    spec = made.spec
    assert (spec.driver, spec.deletion_policy, spec.source.volume_handle) == (DRIVER, "Delete", "pvc-cu")
    assert (spec.volume_snapshot_ref.uid, spec.source_volume_mode) == ("u", "Filesystem")


def reason(step: Step | None) -> str:
    assert isinstance(step, Fail | Wait), step
    return f"{step.reason}: {step.message}"


WITHOUT_CLASS = snapshot(spec={"source": {"persistentVolumeClaimName": "c"}})
DEFAULT = "SetDefaultSnapshotClassFailed: Failed to set default snapshot class with error"
NOT_MADE = "SnapshotContentCreationFailed: Failed to create snapshot content with error"
INPUT = f"{NOT_MADE} failed to get input parameters to create snapshot s:"


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (whole(snapshot=WITHOUT_CLASS), f"{DEFAULT} cannot find default snapshot class"),
        (
            whole(
                snapshot=WITHOUT_CLASS, classes=[snapshot_class("a", default=True), snapshot_class("b", default=True)]
            ),
            f"{DEFAULT} 2 default snapshot classes were found",
        ),
        (
            whole(snapshot=WITHOUT_CLASS, claim=claim("Pending")),
            f"{DEFAULT} the PVC c is not yet bound to a PV, will not attempt to take a snapshot",
        ),
        (
            whole(classes=[]),
            "GetSnapshotClassFailed: Failed to get snapshot class with error "
            'volumesnapshotclass.snapshot.storage.k8s.io "k" not found',
        ),
        (
            whole(claim=None),
            f'{INPUT} "failed to retrieve PVC c from the lister: persistentvolumeclaim "c" not found"',
        ),
        (whole(volume=volume(uid="other")), f'{INPUT} "claim in dataSource not bound or invalid"'),
        (
            whole(classes=[snapshot_class(driver="other")]),
            f"{NOT_MADE} volume v is of driver {DRIVER} and snapshot class k of other",
        ),
        (
            whole(content=content(uid="other")),
            "SnapshotContentMisbound: VolumeSnapshotContent [snapcontent-u] is bound to a different snapshot",
        ),
        (whole(snapshot=snapshot(status=READY)), "SnapshotContentMissing: VolumeSnapshotContent is missing"),
        (
            whole(snapshot=snapshot(status={**READY, "readyToUse": False})),
            "SnapshotContentMissing: VolumeSnapshotContent is missing",
        ),
        (
            whole(snapshot=snapshot(status=READY), content=content(uid="other")),
            "SnapshotMisbound: VolumeSnapshotContent is not bound to the VolumeSnapshot correctly",
        ),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_why_it_does_not_go_on(view: View, text: str) -> None:
    assert reason(next_step(view)) == text


def test_the_default_class_is_that_of_the_volumes_driver() -> None:
    classes = [
        snapshot_class("other", "other", default=True),
        snapshot_class("ours", default=True),
        snapshot_class("x"),
    ]
    assert next_step(whole(snapshot=WITHOUT_CLASS, classes=classes)) == UseClass("ours")


def test_what_the_driver_says_is_told_once() -> None:
    step = next_step(whole(content=content()))
    assert isinstance(step, WriteStatus)
    assert (step.status.bound_volume_snapshot_content_name, step.status.ready_to_use) == ("snapcontent-u", False)
    assert step.told == ()
    waiting = snapshot(finalizers=(SOURCE, BOUND), status=codec.to_tree(step.status))
    step = next_step(whole(snapshot=waiting, content=content(status=TAKEN)))
    assert isinstance(step, WriteStatus)
    assert codec.to_tree(step.status) == READY
    assert [each[0] for each in step.told] == ["SnapshotCreated", "SnapshotReady"]
    done = replace(waiting, status=step.status)
    assert next_step(whole(snapshot=done, content=content(status=TAKEN))) == FinalizeClaim([])
    assert next_step(whole(snapshot=done, content=content(status=TAKEN), is_claim_needed=True)) is None


def test_a_failure_of_the_driver_is_told_until_it_is_over() -> None:
    error = {"message": "full", "time": DELETED}
    step = next_step(whole(content=content(status={"error": error, "readyToUse": False})))
    assert isinstance(step, WriteStatus)
    assert step.status.error is not None
    assert step.status.error.message == "full"
    failing = snapshot(finalizers=(SOURCE, BOUND), status=codec.to_tree(step.status))
    step = next_step(whole(snapshot=failing, content=content(status=TAKEN)))
    assert isinstance(step, WriteStatus)
    assert (step.status.error, step.status.ready_to_use) == (None, True)


def test_a_content_that_was_there_first_is_bound_to_the_snapshot_it_names() -> None:
    spec = {"source": {"volumeSnapshotContentName": "snapcontent-u"}}
    given = snapshot(spec=spec)
    assert reason(next_step(View(given))) == "SnapshotContentMissing: VolumeSnapshotContent is missing"
    assert reason(next_step(View(given, content=content()))).startswith("SnapshotContentMismatch: ")
    other = content(given=True, uid="", spec={"volumeSnapshotRef": {"namespace": "n", "name": "another"}})
    other = replace(other, spec=replace(other.spec, source=content(given=True).spec.source))
    assert reason(next_step(View(given, content=other))).startswith("SnapshotContentMisbound: ")
    step = next_step(View(given, content=content(given=True, uid="", status=TAKEN)))
    assert isinstance(step, WriteContent)
    assert step.content.spec.volume_snapshot_ref.uid == "u"
    step = next_step(View(given, content=content(given=True, status=TAKEN)))
    assert isinstance(step, WriteStatus)
    assert step.status.ready_to_use


def test_deletion_waits_for_restores_then_the_content_goes_then_the_snapshot() -> None:
    going = snapshot(finalizers=(SOURCE, BOUND), deleted=True, status=READY)
    view = whole(snapshot=going, claim=claim(), content=content(status=TAKEN))
    waits = next_step(View(going, content=view.content, is_source=True))
    assert reason(waits) == "SnapshotDeletePending: Snapshot is being used to restore a PVC"
    step = next_step(view)
    assert isinstance(step, WriteContent)
    assert step.content.metadata.annotations == {names.BEING_DELETED: "yes"}
    assert next_step(View(going, content=step.content)) == DeleteContent()
    terminating = replace(step.content, metadata=replace(step.content.metadata, deletion_timestamp=DELETED))
    assert next_step(View(going, content=terminating)) == Finalize([BOUND])
    assert next_step(View(snapshot(finalizers=(BOUND,), deleted=True, status=READY), content=terminating)) is None
    assert next_step(View(going, content=None)) == Finalize([])


def test_a_retained_content_is_only_marked_and_anothers_is_left_alone() -> None:
    going = snapshot(deleted=True, status=READY)
    kept = content(policy="Retain", metadata={"name": "snapcontent-u", "annotations": {names.BEING_DELETED: "yes"}})
    assert isinstance(next_step(View(going, content=content(policy="Retain"))), WriteContent)
    assert next_step(View(going, content=kept)) == Finalize([])
    assert next_step(View(going, content=content(uid="other"))) == Finalize([])


def test_a_snapshot_that_goes_before_it_was_taken_lets_its_claim_go() -> None:
    going = snapshot(deleted=True)
    assert next_step(whole(snapshot=going)) == FinalizeClaim([])
    assert next_step(whole(snapshot=going, claim=claim())) == Finalize([])


MARK = {"annotations": {names.BEING_DELETED: "yes"}}
PROTECTED = {"finalizers": [names.CONTENT_PROTECTION], "deletionTimestamp": DELETED}


@pytest.mark.parametrize(
    ("made", "due"),
    [
        (content(), Task.TAKE),
        (content(status={"readyToUse": False, "error": {"message": "full"}}), Task.TAKE),
        (content(given=True, uid=""), Task.FIND),
        (content(status=TAKEN), None),
        (content(spec={"driver": "other"}), None),
        (content(status=TAKEN, metadata=PROTECTED), None),
        (content(status=TAKEN, metadata=PROTECTED | MARK), Task.DELETE),
        (content(metadata=PROTECTED | MARK), Task.DELETE),
        (content(policy="Retain", metadata=PROTECTED | MARK), Task.LET_GO),
        (content(given=True, uid="", metadata=PROTECTED), Task.DELETE),
    ],
)
def test_what_the_snapshotter_does(made: VolumeSnapshotContent, due: Task | None) -> None:
    assert task(made) is due


def test_a_snapshot_is_called_the_same_before_and_after_it_was_taken() -> None:
    assert handle(content()) == "snapshot-u"
    assert (handle(content(given=True)), handle(content(status=TAKEN))) == ("h", "h")
    made = pb.Snapshot(snapshot_id="h", size_bytes=1 << 30, ready_to_use=True)
    made.creation_time.FromNanoseconds(TAKEN["creationTime"])
    assert codec.to_tree(status_of(made)) == TAKEN


def test_a_failure_is_written_once() -> None:
    status = failed(content(), "full", DELETED)
    assert status is not None
    assert failed(replace(content(), status=status), "full", DELETED) is None


FROM = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
RESTORED = claim("Pending", dataSource=FROM, volumeName="")
WHOLE = snapshot(status=READY)


def test_a_volume_is_restored_where_its_snapshot_is() -> None:
    source = snapshot_source(RESTORED, WHOLE, content(status=TAKEN))
    assert source == Source("node-2", snapshot_handle="h")
    request = pb.CreateVolumeRequest()
    source.add_to(request)
    assert request.volume_content_source.snapshot.snapshot_id == "h"


@pytest.mark.parametrize(
    ("asked", "named", "bound", "text"),
    [
        (RESTORED, None, None, "error getting snapshot s from api server: "),
        (
            RESTORED,
            snapshot(status=READY, deleted=True),
            content(status=TAKEN),
            "snapshot s is currently being deleted",
        ),
        (RESTORED, WHOLE, None, "snapshot s not bound"),
        (RESTORED, WHOLE, content(uid="other", status=TAKEN), "snapshot s not bound"),
        (RESTORED, snapshot(status={**READY, "readyToUse": False}), content(status=TAKEN), "snapshot s is not Ready"),
        (RESTORED, WHOLE, content(status=TAKEN, spec={"driver": "other"}), "snapshot s is of driver other"),
        (
            claim("Pending", dataSource=FROM, resources={"requests": {"storage": "1Mi"}}),
            WHOLE,
            content(status=TAKEN),
            "requested volume size 1048576 is less than the size 1073741824 for the source snapshot s",
        ),
        (
            claim("Pending", dataSource=FROM, volumeMode="Block"),
            WHOLE,
            content(status=TAKEN, spec={"sourceVolumeMode": "Filesystem"}),
            "requested volume n/c modifies the mode of the source volume",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_a_claim_waits_for_its_snapshot(
    asked: PersistentVolumeClaim, named: VolumeSnapshot | None, bound: VolumeSnapshotContent | None, text: str
) -> None:
    told = snapshot_source(asked, named, bound)
    prefix = "error getting handle for DataSource Type VolumeSnapshot by Name s: "
    assert isinstance(told, str)
    assert told.startswith(prefix + text)


def test_claims_filled_by_others_are_left_to_them() -> None:
    assert is_foreign(claim("Pending", dataSourceRef={"apiGroup": "example.com", "kind": "Backup", "name": "b"}))
    assert is_foreign(claim("Pending", dataSourceRef=FROM | {"namespace": "elsewhere"}))
    assert not is_foreign(claim("Pending", dataSourceRef=FROM))
    assert not is_foreign(claim("Pending"))


CLONE = {"dataSource": {"kind": "PersistentVolumeClaim", "name": "c"}, "volumeName": ""}


def made_volume(**spec: Any) -> PersistentVolume:
    tree = codec.to_tree(volume())
    tree["metadata"]["annotations"] = {PROVISIONED_BY: DRIVER}
    tree["spec"] |= {"capacity": {"storage": "1Gi"}, **spec}
    return codec.from_tree(PersistentVolume, tree)


def test_a_clone_is_made_where_its_source_is() -> None:
    assert clone_source(claim("Pending", **CLONE), claim(), made_volume()) == Source("node-2", volume_handle="pvc-cu")


@pytest.mark.parametrize(
    ("wanted", "original", "of", "text"),
    [
        ({}, None, None, 'error getting PVC c (namespace "n") from api server: persistentvolumeclaims "c" not found'),
        ({}, claim("Pending"), None, "the PVC DataSource c must have a status of Bound.  Got Pending"),
        ({}, claim(), volume(), f"the source PV v is not of driver {DRIVER}"),
        (
            {"volumeMode": "Block"},
            claim(),
            made_volume(),
            "the source PVC and destination PVCs must have the same volume",
        ),
        (
            {"resources": {"requests": {"storage": "1Mi"}}},
            claim(),
            made_volume(),
            "error, new PVC request must be greater than or equal in size to the specified PVC data source, "
            "requested 1048576 but source is 1073741824",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_why_a_claim_waits_for_the_one_it_clones(
    wanted: dict[str, Any], original: PersistentVolumeClaim | None, of: PersistentVolume | None, text: str
) -> None:
    told = clone_source(claim("Pending", **CLONE, **wanted), original, of)
    assert isinstance(told, str)
    assert told.startswith(f"error getting handle for DataSource Type PersistentVolumeClaim by Name c: {text}")
