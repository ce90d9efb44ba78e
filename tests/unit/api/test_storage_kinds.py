"""Persistent volumes, claims and the kinds of storage.k8s.io: what is filled in, what is refused, what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, tables, validation
from api import scheme as kinds
from api.types import (
    CSIDriver,
    CSINode,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
    VolumeAttributesClass,
)

NOW = 1_700_000_000.0


def claim(**spec: Any) -> PersistentVolumeClaim:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    tree = {"metadata": {"name": "c", "namespace": "n"}, "spec": spec}
    return defaults.apply(codec.from_tree(PersistentVolumeClaim, tree))


def volume(**spec: Any) -> PersistentVolume:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        **({} if {"csi", "local", "nfs"} & spec.keys() else {"hostPath": {"path": "/x"}}),
        **spec,
    }
    return defaults.apply(codec.from_tree(PersistentVolume, {"metadata": {"name": "v"}, "spec": spec}))


def wrong(record: Any) -> list[str]:
    return [str(error) for error in validation.create(record)]


def refused(new: Any, old: Any) -> list[str]:
    return [str(error).partition("\n")[0] for error in validation.update(new, old)]


def bound(record: PersistentVolumeClaim, capacity: str) -> PersistentVolumeClaim:
    tree = codec.to_tree(record) | {"status": {"phase": "Bound", "capacity": {"storage": capacity}}}
    return codec.from_tree(PersistentVolumeClaim, tree)


def test_defaults_are_upstreams() -> None:
    assert (claim().spec.volume_mode, claim().status.phase) == ("Filesystem", "Pending")
    spec = volume().spec
    assert (spec.persistent_volume_reclaim_policy, spec.volume_mode, volume().status.phase) == (
        "Retain",
        "Filesystem",
        "Pending",
    )
    made = defaults.apply(codec.from_tree(StorageClass, {"metadata": {"name": "s"}, "provisioner": "a/b"}))
    assert (made.reclaim_policy, made.volume_binding_mode) == ("Delete", "Immediate")
    driver = defaults.apply(codec.from_tree(CSIDriver, {"metadata": {"name": "d"}, "spec": {}}))
    assert driver.spec.attach_required is True
    assert driver.spec.volume_lifecycle_modes == ["Persistent"]
    assert driver.spec.fs_group_policy == "ReadWriteOnceWithFSType"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"accessModes": []}, "spec.accessModes: Required value: at least 1 access mode is required"),
        ({"resources": {}}, "spec.resources[storage]: Required value"),
        (
            {"resources": {"requests": {"storage": "0"}}},
            'spec.resources[storage]: Invalid value: "0": must be greater than zero',
        ),
        (
            {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
        ),
        ({"volumeMode": "Tape"}, 'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'),
        (
            {"dataSource": {"kind": "Sheep", "name": "dolly"}},
            "spec.dataSource: Invalid value: \"Sheep\": must be 'PersistentVolumeClaim' when referencing the default "
            "apiGroup",
        ),
    ],
)
def test_claims_that_cannot_be(spec: dict[str, Any], message: str) -> None:
    assert wrong(claim(**spec)) == [message]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"capacity": {}}, "spec.capacity: Required value"),
        ({"local": {"path": "/x"}}, "spec.nodeAffinity: Required value: Local volume requires node affinity"),
        ({"csi": {"driver": "d"}}, "spec.csi.volumeHandle: Required value"),
        (
            {"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
        ),
        (
            {"hostPath": {"path": "/x"}, "nfs": {"server": "s", "path": "/"}},
            "spec.nfs: Forbidden: may not specify more than 1 volume type",
        ),
    ],
)
def test_volumes_that_cannot_be(spec: dict[str, Any], message: str) -> None:
    assert message in wrong(volume(**spec))


def test_a_volume_keeps_its_source() -> None:
    text = "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
    assert refused(volume(hostPath={"path": "/y"}), volume()) == [text]
    assert refused(volume(capacity={"storage": "2Gi"}), volume()) == []


def test_a_claim_may_be_given_a_volume_and_a_class_once() -> None:
    assert refused(claim(volumeName="v", storageClassName="s"), claim()) == []
    text = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName "
    assert refused(claim(volumeName="w"), claim(volumeName="v")) == [f"{text}for bound claims"]
    assert refused(claim(storageClassName="b"), claim(storageClassName="a")) == [f"{text}for bound claims"]


def test_a_claim_grows_when_bound_and_never_shrinks_below_what_it_has() -> None:
    larger = {"resources": {"requests": {"storage": "2Gi"}}}
    assert refused(claim(**larger), claim()) != []
    assert refused(claim(**larger), bound(claim(), "1Gi")) == []
    smaller = {"resources": {"requests": {"storage": "1Gi"}}}
    text = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    assert refused(claim(**smaller), bound(claim(**larger), "2Gi")) == [text]
    # A growth that came to nothing may be taken back.
    between = {"resources": {"requests": {"storage": "1500Mi"}}}
    assert refused(claim(**between), bound(claim(**larger), "1Gi")) == []


def test_classes_keep_what_volumes_were_made_by() -> None:
    tree = {"metadata": {"name": "s"}, "provisioner": "a/b", "parameters": {"x": "1"}}
    old = defaults.apply(codec.from_tree(StorageClass, tree))
    new = defaults.apply(codec.from_tree(StorageClass, {**tree, "parameters": {"x": "2"}, "reclaimPolicy": "Retain"}))
    assert refused(new, old) == [
        "parameters: Forbidden: updates to parameters are forbidden.",
        "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
    ]


def test_a_driver_of_a_node_keeps_its_identity_while_it_is_there() -> None:
    def node(*drivers: dict[str, Any]) -> CSINode:
        return codec.from_tree(CSINode, {"metadata": {"name": "n"}, "spec": {"drivers": list(drivers)}})

    first, renamed = {"name": "d", "nodeID": "1", "topologyKeys": []}, {"name": "d", "nodeID": "2", "topologyKeys": []}
    assert len(refused(node(renamed), node(first))) == 1
    assert refused(node(), node(first)) == []
    assert wrong(node(first, first)) == ['spec.drivers[1].name: Duplicate value: "d"']


def test_attachments_name_one_source_and_do_not_change() -> None:
    def attachment(**source: Any) -> VolumeAttachment:
        spec = {"attacher": "a", "nodeName": "n", "source": source}
        return codec.from_tree(VolumeAttachment, {"metadata": {"name": "x"}, "spec": spec})

    assert wrong(attachment()) == [
        "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    ]
    assert wrong(attachment(persistentVolumeName="p")) == []
    assert len(refused(attachment(persistentVolumeName="q"), attachment(persistentVolumeName="p"))) == 1


def test_attributes_classes_say_something() -> None:
    empty = codec.from_tree(VolumeAttributesClass, {"metadata": {"name": "v"}, "driverName": "d"})
    assert wrong(empty) == ["parameters: Required value: must contain at least one key/value pair"]


def cells(record: Any) -> dict[str, Any]:
    table = tables.render(kinds.of(record), [record], NOW)
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


def test_tables_show_what_kubectl_prints() -> None:
    shown = cells(bound(claim(volumeName="v", storageClassName="s"), "1Gi"))
    assert (shown["Status"], shown["Volume"], shown["Capacity"], shown["StorageClass"]) == ("Bound", "v", "1Gi", "s")
    assert cells(claim())["Capacity"] == ""
    reference = {"namespace": "n", "name": "c"}
    shown = cells(volume(accessModes=["ReadWriteMany", "ReadWriteOnce"], claimRef=reference))
    assert (shown["Access Modes"], shown["Claim"], shown["VolumeAttributesClass"]) == ("RWO,RWX", "n/c", "<unset>")
    marked = {"storageclass.kubernetes.io/is-default-class": "true"}
    tree = {"metadata": {"name": "s", "annotations": marked}, "provisioner": "p"}
    assert cells(defaults.apply(codec.from_tree(StorageClass, tree)))["Name"] == "s (default)"
