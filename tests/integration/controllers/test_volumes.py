"""Claims and volumes by the controllers' process: bound, reserved, released, protected, given a class later."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec
from api.errors import NotFound
from api.types import PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, VolumeAttributesClass
from cluster.client import Client
from tests.support.control_plane import eventually

pytestmark = pytest.mark.usefixtures("controllers")
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


async def make_claim(client: Client, name: str, **spec: Any) -> PersistentVolumeClaim:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    tree = {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
    return await client.create(codec.from_tree(PersistentVolumeClaim, tree))


async def make_volume(client: Client, name: str, **spec: Any) -> PersistentVolume:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "2Gi"},
        "hostPath": {"path": "/nowhere"},
        "storageClassName": "manual",
        **spec,
    }
    return await client.create(codec.from_tree(PersistentVolume, {"metadata": {"name": name}, "spec": spec}))


async def claim_at(client: Client, name: str, phase: str) -> PersistentVolumeClaim:
    async def probe() -> PersistentVolumeClaim | None:
        found = await client.get(PersistentVolumeClaim, name, "default")
        return found if found.status.phase == phase else None

    return await eventually(f"claim {name} is {phase}", probe)


async def volume_at(client: Client, name: str, phase: str) -> PersistentVolume:
    async def probe() -> PersistentVolume | None:
        found = await client.get(PersistentVolume, name)
        return found if found.status.phase == phase else None

    return await eventually(f"volume {name} is {phase}", probe)


async def gone(client: Client, kind: type[Any], name: str, namespace: str = "") -> None:
    async def probe() -> bool:
        try:
            await client.get(kind, name, namespace)
        except NotFound:
            return True
        return False

    await eventually(f"{kind.__name__} {name} is gone", probe)


async def test_a_claim_takes_the_smallest_volume_and_leaves_it_with_its_data(client: Client) -> None:
    await make_volume(client, "large", capacity={"storage": "9Gi"})
    await make_volume(client, "small")
    await volume_at(client, "small", "Available")
    await make_claim(client, "c", storageClassName="manual")
    claim = await claim_at(client, "c", "Bound")
    assert (claim.spec.volume_name, claim.status.capacity) == ("small", {"storage": "2Gi"})
    volume = await volume_at(client, "small", "Bound")
    assert volume.spec.claim_ref is not None
    assert volume.spec.claim_ref.uid == claim.metadata.uid
    await client.delete(PersistentVolumeClaim, "c", "default")
    await gone(client, PersistentVolumeClaim, "c", "default")
    await volume_at(client, "small", "Released")
    # A claim of the same name is another claim: what is in the volume is not for it.
    await make_claim(client, "c", storageClassName="manual", resources={"requests": {"storage": "2Gi"}})
    assert (await claim_at(client, "c", "Bound")).spec.volume_name == "large"
    await client.delete(PersistentVolume, "small")
    await gone(client, PersistentVolume, "small")


async def test_a_claim_waits_for_the_volume_it_names_and_is_lost_with_it(client: Client) -> None:
    await make_claim(client, "c", storageClassName="manual", volumeName="mine")
    await claim_at(client, "c", "Pending")
    await make_volume(client, "mine")
    await claim_at(client, "c", "Bound")
    await client.delete(PersistentVolume, "mine")
    volume = await client.get(PersistentVolume, "mine")
    assert volume.metadata.deletion_timestamp is not None  # protected while it is bound
    await client.patch(PersistentVolume, "mine", "", {"metadata": {"finalizers": []}})
    await claim_at(client, "c", "Lost")


async def test_a_reserved_volume_is_for_its_claim_only(client: Client) -> None:
    await make_volume(client, "reserved", claimRef={"namespace": "default", "name": "heir"})
    await make_claim(client, "stranger", storageClassName="manual")
    await make_claim(client, "heir", storageClassName="manual")
    assert (await claim_at(client, "heir", "Bound")).spec.volume_name == "reserved"
    assert (await claim_at(client, "stranger", "Pending")).spec.volume_name == ""


async def test_a_claim_gets_the_default_class_even_later(client: Client) -> None:
    await make_claim(client, "early")
    assert (await client.get(PersistentVolumeClaim, "early", "default")).spec.storage_class_name is None
    tree = {"metadata": {"name": "standard", "annotations": DEFAULT}, "provisioner": "example.com/none"}
    await client.create(codec.from_tree(StorageClass, tree))
    assert (await make_claim(client, "late")).spec.storage_class_name == "standard"
    assert (await make_claim(client, "none", storageClassName="")).spec.storage_class_name == ""

    async def given() -> bool:
        claim = await client.get(PersistentVolumeClaim, "early", "default")
        marks = claim.metadata.annotations
        return (
            claim.spec.storage_class_name == "standard"
            and marks.get("volume.kubernetes.io/storage-provisioner") == "example.com/none"
        )

    await eventually("the early claim has the class and is marked for its provisioner", given)


async def test_a_claim_in_use_outlasts_its_deletion(client: Client) -> None:
    await make_claim(client, "c", storageClassName="manual")
    container = {"name": "main", "image": "busybox"}
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    pod = {"metadata": {"name": "user", "namespace": "default"}, "spec": {"nodeName": "n", "containers": [container]}}
    pod["spec"]["volumes"] = volumes
    await client.create(codec.from_tree(Pod, pod))
    await client.delete(PersistentVolumeClaim, "c", "default")
    held = await client.get(PersistentVolumeClaim, "c", "default")
    assert held.metadata.finalizers == ["kubernetes.io/pvc-protection"]
    await client.delete(Pod, "user", "default", grace_period_seconds=0)
    await gone(client, PersistentVolumeClaim, "c", "default")


async def test_the_claims_of_ephemeral_volumes_come_and_go_with_pods(client: Client) -> None:
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    volumes = [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]
    spec = {"containers": [{"name": "main", "image": "busybox"}], "volumes": volumes}
    await client.create(codec.from_tree(Pod, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec}))

    async def made() -> PersistentVolumeClaim | None:
        try:
            return await client.get(PersistentVolumeClaim, "p-v", "default")
        except NotFound:
            return None

    claim = await eventually("the claim is made", made)
    assert claim.metadata.owner_references[0].name == "p"
    await client.delete(Pod, "p", "default", grace_period_seconds=0)
    await gone(client, PersistentVolumeClaim, "p-v", "default")


async def test_an_attributes_class_goes_once_nobody_names_it(client: Client) -> None:
    tree = {"metadata": {"name": "fast"}, "driverName": "example.com", "parameters": {"iops": "9"}}
    await client.create(codec.from_tree(VolumeAttributesClass, tree))
    await make_claim(client, "c", storageClassName="manual", volumeAttributesClassName="fast")
    await client.delete(VolumeAttributesClass, "fast")
    assert (await client.get(VolumeAttributesClass, "fast")).metadata.deletion_timestamp is not None
    await client.delete(PersistentVolumeClaim, "c", "default")
    await gone(client, VolumeAttributesClass, "fast")
