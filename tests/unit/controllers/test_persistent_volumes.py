"""The binder's decisions: which volume for which claim, and what becomes of both."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults
from api.storage_classes import default_class
from api.types import PersistentVolume, PersistentVolumeClaim, StorageClass
from controllers.persistent_volume import names
from controllers.persistent_volume.matching import best_match, unsuitable
from controllers.persistent_volume.plan import (
    Bind,
    Look,
    Provision,
    Said,
    SetClaimPhase,
    SetVolumePhase,
    Unbind,
    plan_claim,
    plan_reclaim,
    plan_volume,
)


def claim(name: str = "c", size: str = "1Gi", uid: str = "u1", **more: Any) -> PersistentVolumeClaim:
    annotations = more.pop("annotations", {})
    phase = more.pop("phase", "Pending")
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **more}
    metadata = {"name": name, "namespace": "n", "uid": uid, "annotations": annotations}
    tree = {"metadata": metadata, "spec": spec, "status": {"phase": phase}}
    return defaults.apply(codec.from_tree(PersistentVolumeClaim, tree))


def volume(name: str, size: str = "1Gi", phase: str = "Available", **more: Any) -> PersistentVolume:
    metadata = {"name": name, "labels": more.pop("labels", {}), "annotations": more.pop("annotations", {})}
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "hostPath": {"path": "/x"}, **more}
    tree = {"metadata": metadata, "spec": spec, "status": {"phase": phase}}
    return defaults.apply(codec.from_tree(PersistentVolume, tree))


def taken_by(name: str = "c", uid: str = "u1") -> dict[str, str]:
    return {"namespace": "n", "name": name, "uid": uid}


def storage_class(name: str = "s", **more: Any) -> StorageClass:
    return defaults.apply(codec.from_tree(StorageClass, {"metadata": {"name": name}, "provisioner": "p", **more}))


def chosen(wanted: PersistentVolumeClaim, *volumes: PersistentVolume, waiting: bool = False) -> str:
    found = best_match(wanted, volumes, waiting=waiting)
    return "" if found is None else found.metadata.name


def test_the_smallest_volume_that_is_large_enough() -> None:
    assert chosen(claim(size="2Gi"), volume("a", "1Gi"), volume("b", "5Gi"), volume("c", "3Gi")) == "c"
    assert chosen(claim(size="9Gi"), volume("a", "1Gi")) == ""


def test_access_modes_to_spare_are_spared() -> None:
    many = volume("many", accessModes=["ReadWriteOnce", "ReadWriteMany"])
    assert chosen(claim(), many, volume("one", "4Gi")) == "one"
    assert chosen(claim(accessModes=["ReadWriteMany"]), many, volume("one")) == "many"


@pytest.mark.parametrize(
    "other",
    [
        {"phase": "Released"},
        {"claimRef": taken_by("other", "u2")},
        {"storageClassName": "s"},
        {"volumeMode": "Block"},
        {"accessModes": ["ReadOnlyMany"]},
        {"volumeAttributesClassName": "fast"},
    ],
)
def test_volumes_that_do_not_suit(other: dict[str, Any]) -> None:
    assert chosen(claim(), volume("v", **other)) == ""


def test_a_selector_chooses_by_labels() -> None:
    wanted = claim(selector={"matchLabels": {"disk": "fast"}})
    assert chosen(wanted, volume("a"), volume("b", labels={"disk": "fast"})) == "b"


def test_a_volume_reserved_for_the_claim_comes_first_and_does_not_wait() -> None:
    reserved = volume("mine", "8Gi", claimRef={"namespace": "n", "name": "c"})
    assert chosen(claim(), volume("small"), reserved) == "mine"
    assert chosen(claim(), volume("small"), reserved, waiting=True) == "mine"
    assert chosen(claim(), volume("small"), waiting=True) == ""
    assert chosen(claim(uid="u9"), volume("old", claimRef=taken_by())) == ""


def test_why_a_named_volume_cannot_be_had() -> None:
    assert unsuitable(volume("v"), claim(size="2Gi")) == "requested PV is too small"
    assert unsuitable(volume("v", storageClassName="x"), claim()) == "storageClassName does not match"
    assert unsuitable(volume("v"), claim(volumeMode="Block")) == "incompatible volumeMode"
    assert unsuitable(volume("v"), claim()) == ""


def plan(wanted: PersistentVolumeClaim, *volumes: PersistentVolume, of: StorageClass | None = None) -> list[Any]:
    by_name = {each.metadata.name: each for each in volumes}
    return plan_claim(wanted, lambda: volumes, by_name.get, of)


def test_a_claim_is_bound_to_what_suits() -> None:
    wanted, suiting = claim(), volume("v")
    assert plan(wanted, suiting) == [Bind(suiting, wanted)]


def test_what_does_not_exist_is_provisioned_by_the_class() -> None:
    actions = plan(claim(storageClassName="s"), of=storage_class())
    assert actions[0] == Provision("p")
    assert actions[1].reason == "ExternalProvisioning"
    assert actions[-1] == SetClaimPhase("Pending")


def test_a_class_may_wait_for_the_first_pod() -> None:
    lazy = storage_class(volumeBindingMode="WaitForFirstConsumer")
    waiting = plan(claim(storageClassName="s"), volume("v", storageClassName="s"), of=lazy)
    assert [type(action) for action in waiting] == [Said, SetClaimPhase]
    assert waiting[0].reason == "WaitForFirstConsumer"
    placed = claim(storageClassName="s", annotations={names.SELECTED_NODE: "node-1"})
    assert plan(placed, of=lazy)[0] == Provision("p")


def test_nobody_can_help_a_claim_without_class_and_volume() -> None:
    said = plan(claim())[0]
    assert (said.reason, said.message) == (
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
    )
    assert plan(claim(storageClassName="gone"))[0].message == 'storageclass.storage.k8s.io "gone" not found'
    said = plan(claim(storageClassName="s"), of=storage_class(provisioner="kubernetes.io/no-provisioner"))[0]
    assert (said.type, said.reason) == ("Warning", "ProvisioningFailed")


def test_a_claim_by_name_gets_that_volume_or_none() -> None:
    assert plan(claim(volumeName="v"), volume("w")) == [SetClaimPhase("Pending")]
    said, pending = plan(claim(volumeName="v", size="2Gi"), volume("v"))
    assert (said.reason, pending) == ("VolumeMismatch", SetClaimPhase("Pending"))
    said, _ = plan(claim(volumeName="v"), volume("v", claimRef=taken_by("other", "u2")))
    assert said.message == 'volume "v" already bound to a different claim.'


def test_a_bound_claim_without_its_volume_is_lost() -> None:
    done = claim(volumeName="v", annotations={names.BIND_COMPLETED: "yes"})
    assert plan(done)[0] == SetClaimPhase("Lost")
    assert plan(done, volume("v", claimRef=taken_by("other", "u2")))[1].reason == "ClaimMisbound"
    kept = volume("v", phase="Bound", claimRef=taken_by())
    assert plan(done, kept) == [Bind(kept, done)]


def test_a_volume_follows_its_claim() -> None:
    free, reserved = volume("v"), volume("v", claimRef={"namespace": "n", "name": "c"})
    assert plan_volume(free, None) == [SetVolumePhase("Available")]
    assert plan_volume(reserved, claim()) == [SetVolumePhase("Available"), Look()]
    mine = volume("v", claimRef=taken_by())
    assert plan_volume(mine, claim()) == [Look()]
    assert plan_volume(mine, claim(volumeName="v")) == [SetVolumePhase("Bound")]


def test_a_volume_is_released_when_its_claim_is_gone_or_another_of_its_name() -> None:
    mine = volume("v", phase="Bound", claimRef=taken_by())
    assert plan_volume(mine, None) == [SetVolumePhase("Released")]
    assert plan_volume(mine, claim(uid="u2", volumeName="v")) == [SetVolumePhase("Released")]
    assert plan_volume(volume("v", phase="Failed", claimRef=taken_by()), None) == []


def test_a_volume_lets_go_of_a_claim_that_took_another() -> None:
    elsewhere = claim(volumeName="w")
    ours = volume("v", claimRef=taken_by(), annotations={names.BOUND_BY_CONTROLLER: "yes"})
    assert plan_volume(ours, elsewhere) == [Unbind(whole=True)]
    assert plan_volume(volume("v", claimRef=taken_by()), elsewhere) == [Unbind(whole=False)]


def test_only_what_a_driver_made_is_deleted_by_itself() -> None:
    assert plan_reclaim(volume("v", phase="Released")) == []
    said, failed = plan_reclaim(volume("v", phase="Released", persistentVolumeReclaimPolicy="Delete"))
    assert (said.reason, failed.phase) == ("VolumeFailedDelete", "Failed")
    said, failed = plan_reclaim(volume("v", phase="Released", persistentVolumeReclaimPolicy="Recycle"))
    assert (said.reason, failed.phase) == ("VolumeFailedRecycle", "Failed")
    made = volume(
        "v", phase="Released", persistentVolumeReclaimPolicy="Delete", annotations={names.PROVISIONED_BY: "d"}
    )
    assert plan_reclaim(made) == []


def test_the_newest_default_class_counts() -> None:
    def marked(name: str, created: str) -> StorageClass:
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        metadata = {"name": name, "creationTimestamp": created, "annotations": annotations}
        return codec.from_tree(StorageClass, {"metadata": metadata, "provisioner": "p"})

    old, new = marked("old", "2024-01-01T00:00:00Z"), marked("new", "2024-02-01T00:00:00Z")
    assert default_class([new, old, storage_class("plain")]) == new
    assert default_class([storage_class("plain")]) is None
