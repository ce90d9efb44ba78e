"""From claims to requests of the nodes' driver and back, growth told in a claim's status, who protects what."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults
from api.types import Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod, StorageClass
from cluster.pb import csi_pb2 as pb
from controllers.ephemeral_volume import claim_for
from controllers.local_storage import DRIVER, TOPOLOGY_KEY
from controllers.local_storage.resizer import pending, resized, resizing, wants_more
from controllers.local_storage.sources import Source
from controllers.local_storage.volumes import (
    choose_node,
    create_request,
    is_ours,
    is_to_be_deleted,
    node_of,
    persistent_volume,
)
from controllers.persistent_volume import names
from controllers.volume_protection.claims import uses

GI = 1 << 30
NOW = "2024-01-01T00:00:00Z"


def claim(**spec: Any) -> PersistentVolumeClaim:
    status = spec.pop("status", {})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    tree = {
        "metadata": {"name": "c", "namespace": "n", "uid": "u"},
        "spec": {"storageClassName": "s", **spec},
        "status": status,
    }
    return defaults.apply(codec.from_tree(PersistentVolumeClaim, tree))


def storage_class(**more: Any) -> StorageClass:
    tree = {"metadata": {"name": "s"}, "provisioner": DRIVER, **more}
    return defaults.apply(codec.from_tree(StorageClass, tree))


def made_volume(**more: Any) -> PersistentVolume:
    made = pb.Volume(
        capacity_bytes=GI, volume_id="pvc-u", accessible_topology=[pb.Topology(segments={TOPOLOGY_KEY: "node-2"})]
    )
    return persistent_volume(claim(**more), storage_class(), made)


def test_the_driver_is_asked_for_what_the_claim_says() -> None:
    parameters = {"csi.storage.k8s.io/fstype": "xfs", "own": "x"}
    request = create_request(claim(), storage_class(parameters=parameters, mountOptions=["noatime"]), "node-1")
    assert (request.name, request.capacity_range.required_bytes) == ("pvc-u", GI)
    assert dict(request.parameters) == {"own": "x"}
    capability = request.volume_capabilities[0]
    assert (capability.mount.fs_type, list(capability.mount.mount_flags)) == ("xfs", ["noatime"])
    assert capability.access_mode.mode == pb.VolumeCapability.AccessMode.SINGLE_NODE_MULTI_WRITER
    assert [dict(each.segments) for each in request.accessibility_requirements.requisite] == [{TOPOLOGY_KEY: "node-1"}]


def test_raw_devices_and_clones_are_asked_for_as_such() -> None:
    raw = claim(volumeMode="Block", accessModes=["ReadWriteOncePod"])
    request = create_request(raw, storage_class(), "node-1")
    Source("node-1", volume_handle="pvc-u").add_to(request)
    assert request.volume_capabilities[0].WhichOneof("access_type") == "block"
    mode = request.volume_capabilities[0].access_mode.mode
    assert mode == pb.VolumeCapability.AccessMode.SINGLE_NODE_SINGLE_WRITER
    assert request.volume_content_source.volume.volume_id == "pvc-u"


def test_a_made_volume_is_reserved_and_knows_its_node() -> None:
    volume = made_volume()
    assert volume.metadata.name == "pvc-u"
    assert volume.spec.claim_ref is not None
    assert (volume.spec.claim_ref.name, volume.spec.claim_ref.uid) == ("c", "u")
    assert volume.spec.capacity == {"storage": "1Gi"}
    assert (node_of(volume), is_ours(volume)) == ("node-2", True)
    assert names.PROVISIONER_FINALIZER in volume.metadata.finalizers


@pytest.mark.parametrize(
    ("phase", "policy", "deleted", "expected"),
    [
        ("Released", "Delete", None, True),
        ("Released", "Retain", None, False),
        ("Bound", "Delete", None, False),
        ("Bound", "Delete", NOW, False),
        ("Available", "Delete", NOW, True),
        ("Available", "Delete", None, False),
    ],
)
def test_data_go_only_when_nobody_has_them(phase: str, policy: str, deleted: str | None, expected: bool) -> None:
    tree = codec.to_tree(made_volume())
    tree["spec"]["persistentVolumeReclaimPolicy"] = policy
    tree["status"] = {"phase": phase}
    if deleted:
        tree["metadata"]["deletionTimestamp"] = deleted
    assert is_to_be_deleted(codec.from_tree(PersistentVolume, tree)) is expected


def node(name: str, *, ready: bool = True, **labels: str) -> Node:
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    metadata = {"name": name, "labels": {TOPOLOGY_KEY: name, **labels}}
    return codec.from_tree(Node, {"metadata": metadata, "status": status})


def test_a_volume_for_nobody_yet_goes_where_fewest_are() -> None:
    nodes = [node("a"), node("b"), node("down", ready=False)]
    assert choose_node(nodes, storage_class(), {"a": 2, "b": 1}) == "b"
    zone = {"matchLabelExpressions": [{"key": "zone", "values": ["z"]}]}
    chosen = choose_node([node("a"), node("z", zone="z")], storage_class(allowedTopologies=[zone]), {"z": 9})
    assert chosen == "z"
    assert choose_node([node("down", ready=False)], storage_class(), {}) is None


def test_growth_is_told_step_by_step() -> None:
    larger = {"resources": {"requests": {"storage": "2Gi"}}}
    grows = claim(**larger, status={"phase": "Bound", "capacity": {"storage": "1Gi"}})
    assert wants_more(grows)
    assert not wants_more(claim(status={"phase": "Bound", "capacity": {"storage": "1Gi"}}))
    assert not wants_more(claim(**larger))
    begun = resizing(grows.status, "2Gi", NOW)
    assert [each.type for each in begun.conditions] == ["Resizing"]
    waits = pending(begun, NOW)
    assert [each.type for each in waits.conditions] == ["FileSystemResizePending"]
    assert (waits.capacity, waits.allocated_resource_statuses) == ({"storage": "1Gi"}, {"storage": "NodeResizePending"})
    done = resized(waits, "2Gi")
    assert done == PersistentVolumeClaimStatus(phase="Bound", capacity={"storage": "2Gi"})


def pod(phase: str = "Running", node_name: str = "node-1", **volume: Any) -> Pod:
    spec = {"nodeName": node_name, "volumes": [{"name": "v", **volume}], "containers": []}
    metadata = {"name": "p", "namespace": "n", "uid": "pod-uid"}
    return codec.from_tree(Pod, {"metadata": metadata, "spec": spec, "status": {"phase": phase}})


def test_who_uses_a_claim() -> None:
    by_name = {"persistentVolumeClaim": {"claimName": "c"}}
    assert uses(pod(**by_name), "c")
    assert not uses(pod(**by_name), "d")
    assert not uses(pod(phase="Succeeded", **by_name), "c")
    assert not uses(pod(node_name="", **by_name), "c")
    assert uses(pod(ephemeral={"volumeClaimTemplate": {"spec": {}}}), "p-v")


def test_the_claim_of_an_ephemeral_volume_belongs_to_its_pod() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    user = pod(ephemeral={"volumeClaimTemplate": template})
    made = claim_for(user, user.spec.volumes[0])
    assert (made.metadata.name, made.metadata.labels) == ("p-v", {"a": "b"})
    owner = made.metadata.owner_references[0]
    assert (owner.kind, owner.uid, owner.controller, owner.block_owner_deletion) == ("Pod", "pod-uid", True, True)
