"""Claimed volumes on a node: its own driver's, and those of a driver that comes and goes."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from api import codec
from api.errors import AlreadyExists, NotFound
from api.types import (
    CSIDriver,
    CSINode,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Secret,
    VolumeAttachment,
)
from cluster import connection
from cluster.client import Client
from cluster.pb import csi_pb2 as pb
from cluster.pb import pluginregistration_pb2 as registration_pb
from cluster.pb.csi_pb2_grpc import ControllerStub, NodeServicer, add_NodeServicer_to_server
from cluster.pb.pluginregistration_pb2_grpc import RegistrationServicer, add_RegistrationServicer_to_server
from controllers.attach_detach.plan import attachment_of
from csi.local import NAME
from tests.support import nfs
from tests.support.kubelet_node import NODE, NodeUnderTest, Pods

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
FOREIGN = "foreign.example.com"
MI = 1 << 20


async def bound_claim(
    client: Client, namespace: str, name: str, csi: dict[str, Any] | None = None, **spec: Any
) -> None:
    """A volume (of a CSI driver, or as `spec` says) and a claim bound to it, as the controllers would leave them."""
    modes = spec.pop("modes", ["ReadWriteOnce"])
    volume_name = f"{namespace}-{name}"
    common = {"accessModes": modes, "volumeMode": spec.pop("mode", "Filesystem"), "storageClassName": "s"}
    wanted = {
        **common,
        "resources": {"requests": {"storage": "8Mi"}},
        "volumeName": volume_name,
    }
    metadata = {"name": name, "namespace": namespace}
    claim = await client.create(codec.from_tree(PersistentVolumeClaim, {"metadata": metadata, "spec": wanted}))
    reference = {"namespace": namespace, "name": name, "uid": claim.metadata.uid}
    offered = {**common, "capacity": {"storage": "8Mi"}, "claimRef": reference, **spec}
    if csi is not None:
        offered["csi"] = csi
    await client.create(codec.from_tree(PersistentVolume, {"metadata": {"name": volume_name}, "spec": offered}))
    status = replace(claim.status, phase="Bound", capacity={"storage": "8Mi"}, access_modes=modes)
    await client.update(replace(claim, status=status), subresource="status")


def claimed(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "persistentVolumeClaim": {"claimName": name, **more}}


def main(script: str, *mounts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "main", "command": ["sh", "-c", script], "volumeMounts": list(mounts), **more}


async def said(pods: Pods, name: str) -> str:
    """What a pod wrote as its last words."""

    def ended(pod: Pod) -> bool:
        return pod.status.phase in ("Succeeded", "Failed")

    pod = await pods.until(name, "ended", ended)
    state = pod.status.container_statuses[0].state.terminated
    return state.message if state is not None else ""


class Foreign(NodeServicer):  # type: ignore[misc]
    """A driver of somebody else: its volumes are folders with one file. `calls` lists what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.told: dict[str, str] = {}
        self.confided: dict[str, dict[str, str]] = {}
        self.record: dict[str, Any] = {}
        self.published: dict[str, str] = {}
        self.registered: list[registration_pb.RegistrationStatus] = []

    async def NodeGetInfo(self, request: Any, context: Any) -> pb.NodeGetInfoResponse:
        return pb.NodeGetInfoResponse(
            node_id="n1", max_volumes_per_node=7, accessible_topology=pb.Topology(segments={"example.com/rack": "r1"})
        )

    async def NodeGetCapabilities(self, request: Any, context: Any) -> pb.NodeGetCapabilitiesResponse:
        stages = pb.NodeServiceCapability(
            rpc=pb.NodeServiceCapability.RPC(type=pb.NodeServiceCapability.RPC.STAGE_UNSTAGE_VOLUME)
        )
        return pb.NodeGetCapabilitiesResponse(capabilities=[stages])

    async def NodeStageVolume(self, request: Any, context: Any) -> pb.NodeStageVolumeResponse:
        self.calls.append(f"stage {request.volume_id}")
        self.confided["stage"] = dict(request.secrets)
        return pb.NodeStageVolumeResponse()

    async def NodeUnstageVolume(self, request: Any, context: Any) -> pb.NodeUnstageVolumeResponse:
        self.calls.append(f"unstage {request.volume_id}")
        return pb.NodeUnstageVolumeResponse()

    async def NodePublishVolume(self, request: Any, context: Any) -> pb.NodePublishVolumeResponse:
        self.calls.append(f"publish {request.volume_id}")
        self.told, self.published = dict(request.volume_context), dict(request.publish_context)
        self.confided["publish"] = dict(request.secrets)
        self.record = json.loads((Path(request.target_path).parent / "vol_data.json").read_bytes())
        place = Path(request.target_path)
        place.mkdir(parents=True, exist_ok=True)
        (place / "greeting").write_text("from afar")
        return pb.NodePublishVolumeResponse()

    async def NodeUnpublishVolume(self, request: Any, context: Any) -> pb.NodeUnpublishVolumeResponse:
        self.calls.append(f"unpublish {request.volume_id}")
        shutil.rmtree(request.target_path)
        return pb.NodeUnpublishVolumeResponse()


class Registrar(RegistrationServicer):  # type: ignore[misc]
    def __init__(self, driver: Foreign, info: registration_pb.PluginInfo) -> None:
        self._driver = driver
        self._info = info

    async def GetInfo(self, request: Any, context: Any) -> registration_pb.PluginInfo:
        return self._info

    async def NotifyRegistrationStatus(self, request: Any, context: Any) -> Any:
        self._driver.registered.append(request)
        return registration_pb.RegistrationStatusResponse()


@asynccontextmanager
async def foreign_driver(
    node: NodeUnderTest, directory: Path, name: str, version: str = "1.0.0"
) -> AsyncIterator[Foreign]:
    """A driver that registers with the node until the block ends."""
    driver, endpoint = Foreign(), directory / "csi.sock"
    info = registration_pb.PluginInfo(type="CSIPlugin", name=name, endpoint=str(endpoint), supported_versions=[version])
    servers = {endpoint: grpc.aio.server(), node.run_dir / "plugins_registry" / f"{name}-reg.sock": grpc.aio.server()}
    serving, registering = servers.values()
    add_NodeServicer_to_server(driver, serving)
    add_RegistrationServicer_to_server(Registrar(driver, info), registering)
    try:
        for path, server in servers.items():
            server.add_insecure_port(f"unix://{path}")
            await server.start()
        yield driver
    finally:
        for path, server in servers.items():
            await server.stop(0)
            path.unlink(missing_ok=True)


async def drivers(client: Client) -> dict[str, Any]:
    return {driver.name: driver for node in (await client.list(CSINode)).items for driver in node.spec.drivers}


async def unstaged(pods: Pods, driver: Foreign, volume: str) -> None:
    """A pod whose containers have ended is gone before its volumes are taken down."""

    async def is_unstaged() -> bool:
        return driver.calls[-1:] == [f"unstage {volume}"]

    await pods.eventually(f"the driver is rid of {volume}", is_unstaged)


async def test_a_foreign_driver_serves_while_it_is_there(pods: Pods, node: NodeUnderTest, tmp_path: Path) -> None:
    client, name = pods.client, FOREIGN
    async with foreign_driver(node, tmp_path, name) as driver:

        async def known() -> bool:
            return name in await drivers(client)

        await pods.eventually("the CSINode names the driver", known)
        entry = (await drivers(client))[name]
        assert (entry.node_id, entry.topology_keys, entry.allocatable.count) == ("n1", ["example.com/rack"], 7)
        assert (await client.get(Node, NODE)).metadata.labels["example.com/rack"] == "r1"
        source = {"driver": name, "volumeHandle": "h1", "volumeAttributes": {"color": "blue"}}
        await bound_claim(client, pods.namespace, "far", source)
        reader = main("cat /v/greeting > /dev/termination-log", {"name": "far", "mountPath": "/v"})
        await pods.create("reader", reader, restartPolicy="Never", volumes=[claimed("far")])
        assert await said(pods, "reader") == "from afar"
        assert (driver.told["color"], driver.told["csi.storage.k8s.io/pod.name"]) == ("blue", "reader")
        await pods.delete("reader")
        await unstaged(pods, driver, "h1")
        assert driver.calls == ["stage h1", "publish h1", "unpublish h1", "unstage h1"]

        async def told() -> bool:
            return [each.plugin_registered for each in driver.registered] == [True]

        await pods.eventually("the driver hears that it is registered", told)

    async def forgotten() -> bool:
        return name not in await drivers(client)

    await pods.eventually("the CSINode names the driver no more", forgotten)


async def test_a_driver_is_told_secrets_and_tokens(pods: Pods, node: NodeUnderTest, tmp_path: Path) -> None:
    client, name = pods.client, "confided.example.com"
    spec = {"attachRequired": False, "tokenRequests": [{"audience": "vault"}]}
    await client.create(codec.from_tree(CSIDriver, {"metadata": {"name": name}, "spec": spec}))
    for secret, word in (("staging", "one"), ("publishing", "two")):
        tree = {"metadata": {"name": secret, "namespace": pods.namespace}, "stringData": {"word": word}}
        await client.create(codec.from_tree(Secret, tree))
    try:
        async with foreign_driver(node, tmp_path, name) as driver:
            source = {
                "driver": name,
                "volumeHandle": "h3",
                "nodeStageSecretRef": {"namespace": pods.namespace, "name": "staging"},
                "nodePublishSecretRef": {"namespace": pods.namespace, "name": "publishing"},
            }
            await bound_claim(client, pods.namespace, "secret", source)
            reader = main("cat /v/greeting > /dev/termination-log", {"name": "secret", "mountPath": "/v"})
            await pods.create("confidant", reader, restartPolicy="Never", volumes=[claimed("secret")])
            assert await said(pods, "confidant") == "from afar"
            assert driver.confided == {"stage": {"word": "one"}, "publish": {"word": "two"}}
            issued = json.loads(driver.told["csi.storage.k8s.io/serviceAccount.tokens"])["vault"]
            assert issued["token"].count(".") == 2
            assert issued["expirationTimestamp"].endswith("Z")
            assert driver.record["stage_secret"] == f"{pods.namespace}/staging"
            assert {"one", "two"}.isdisjoint(map(str, driver.record.values()))
            await pods.delete("confidant")
            await unstaged(pods, driver, "h3")
    finally:
        await client.delete(CSIDriver, name)


async def test_a_volume_that_must_be_attached_is_waited_for(pods: Pods, node: NodeUnderTest, tmp_path: Path) -> None:
    name = "attached.example.com"
    async with foreign_driver(node, tmp_path, name) as driver:
        await bound_claim(pods.client, pods.namespace, "far", {"driver": name, "volumeHandle": "h2"})
        reader = main("cat /v/greeting > /dev/termination-log", {"name": "far", "mountPath": "/v"})
        await pods.create("reader", reader, restartPolicy="Never", volumes=[claimed("far")])
        await pods.told("reader", f"volume h2 has no VolumeAttachment for node {NODE} yet", "FailedMount")
        volume = await pods.client.get(PersistentVolume, f"{pods.namespace}-far")
        attachment = await pods.client.create(attachment_of(volume, NODE))
        status = replace(attachment.status, attached=True, attachment_metadata={"device": "/dev/x"})
        await pods.client.update(replace(attachment, status=status), subresource="status")
        assert await said(pods, "reader") == "from afar"
        assert driver.published == {"device": "/dev/x"}
        await pods.delete("reader")
        await unstaged(pods, driver, "h2")
        await pods.client.delete(VolumeAttachment, attachment.metadata.name)


async def test_a_driver_of_another_version_is_told_why_not(pods: Pods, node: NodeUnderTest, tmp_path: Path) -> None:
    async with foreign_driver(node, tmp_path, "old.example.com", version="0.3.0") as driver:

        async def refused() -> bool:
            return bool(driver.registered)

        await pods.eventually("the driver hears of its refusal", refused)
        assert not driver.registered[0].plugin_registered
        assert "but not version 1" in driver.registered[0].error
        assert "old.example.com" not in await drivers(pods.client)


@asynccontextmanager
async def local_volumes(node: NodeUnderTest, identity: str = "admin") -> AsyncIterator[ControllerStub]:
    """The node's own driver, as the provisioner reaches it."""
    async with connection.open_channel(node.connection(identity), server_name=NODE) as channel:
        yield ControllerStub(channel)


async def make_volume(node: NodeUnderTest, name: str) -> dict[str, Any]:
    """A volume of 8 MiB on the node; its source in a PersistentVolume."""
    mode = pb.VolumeCapability.AccessMode(mode=pb.VolumeCapability.AccessMode.SINGLE_NODE_WRITER)
    capability = pb.VolumeCapability(mount=pb.VolumeCapability.MountVolume(), access_mode=mode)
    async with local_volumes(node) as controller:
        request = pb.CreateVolumeRequest(
            name=name, capacity_range=pb.CapacityRange(required_bytes=8 * MI), volume_capabilities=[capability]
        )
        made = (await controller.CreateVolume(request)).volume
    return {"driver": NAME, "volumeHandle": made.volume_id, "fsType": "ext4"}


async def test_only_the_provisioner_has_volumes_made(node: NodeUnderTest) -> None:
    async with local_volumes(node, "kubelet") as controller:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await controller.GetCapacity(pb.GetCapacityRequest())
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_what_a_pod_wrote_the_next_one_finds(pods: Pods, node: NodeUnderTest) -> None:
    await bound_claim(pods.client, pods.namespace, "data", await make_volume(node, f"{pods.namespace}-d"))
    place = {"name": "data", "mountPath": "/v"}
    writer = main("echo hallo > /v/x; stat -c %g /v/x /v > /dev/termination-log", place)
    context = {"fsGroup": 4242}
    await pods.create("one", writer, restartPolicy="Never", volumes=[claimed("data")], securityContext=context)
    assert (await said(pods, "one")).split() == ["4242", "4242"]
    await pods.delete("one")
    reader = main("(cat /v/x; touch /v/y) > /dev/termination-log 2>&1", place)
    await pods.create("two", reader, restartPolicy="Never", volumes=[claimed("data", readOnly=True)])
    assert await said(pods, "two") == "hallo\ntouch: /v/y: Read-only file system\n"


async def test_a_volume_outlives_its_kubelet(pods: Pods, node: NodeUnderTest) -> None:
    await bound_claim(pods.client, pods.namespace, "data", await make_volume(node, f"{pods.namespace}-d"))
    holder = main(f"echo kept > /v/x; {FOREVER}", {"name": "data", "mountPath": "/v"})
    pod = await pods.create("holder", holder, volumes=[claimed("data")])
    await pods.ready("holder")
    node.kill_kubelet()
    node.start_kubelet()
    await pods.ready("holder")
    figure = f'kubelet_volume_stats_capacity_bytes{{namespace="{pods.namespace}",persistentvolumeclaim="data"}}'

    async def measured() -> bool:
        return figure in node.page("/metrics")[1]

    await pods.eventually("the volume is measured again", measured)
    node.kill_kubelet()
    await pods.client.delete(Pod, "holder", pods.namespace, grace_period_seconds=0)
    node.start_kubelet()

    async def gone() -> bool:
        mounts = Path("/proc/self/mountinfo").read_text()
        return not node.pod_directory(pod).exists() and f"/{pods.namespace}-d/" not in mounts

    await pods.eventually("nothing is left of a pod deleted while no kubelet ran", gone)


async def test_a_claim_for_one_pod_is_refused_to_another(pods: Pods, node: NodeUnderTest) -> None:
    source = await make_volume(node, f"{pods.namespace}-d")
    await bound_claim(pods.client, pods.namespace, "own", source, modes=["ReadWriteOncePod"])
    place = {"name": "own", "mountPath": "/v"}
    await pods.create("first", main(FOREVER, place), volumes=[claimed("own")])
    await pods.ready("first")
    await pods.create("second", main(FOREVER, place), volumes=[claimed("own")])
    refusal = "volume uses the ReadWriteOncePod access mode and is already in use by another pod"
    await pods.told("second", refusal, "FailedMount")
    await pods.delete("first")
    await pods.ready("second")


async def test_what_is_missing_is_said(pods: Pods, node: NodeUnderTest) -> None:
    place = {"name": "none", "mountPath": "/v"}
    await pods.create("lost", main(FOREVER, place), volumes=[claimed("none")])
    message = (await pods.events("lost", "FailedMount"))["FailedMount"]
    assert 'persistentvolumeclaims "none" not found' in message
    affinity = {
        "required": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["elsewhere"]}]}
            ]
        }
    }
    source = await make_volume(node, f"{pods.namespace}-d")
    await bound_claim(pods.client, pods.namespace, "away", source, nodeAffinity=affinity)
    await pods.create("astray", main(FOREVER, {"name": "away", "mountPath": "/v"}), volumes=[claimed("away")])
    await pods.told("astray", f'cannot be reached from node "{NODE}"', "FailedMount")


async def test_folders_of_the_node_by_claim(pods: Pods, tmp_path: Path) -> None:
    here = {
        "required": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}]}
            ]
        }
    }
    (tmp_path / "local").mkdir()
    local = {"path": str(tmp_path / "local")}
    await bound_claim(pods.client, pods.namespace, "local", local=local, nodeAffinity=here)
    host_path = {"path": str(tmp_path / "made"), "type": "DirectoryOrCreate"}
    await bound_claim(pods.client, pods.namespace, "host", hostPath=host_path)
    await bound_claim(pods.client, pods.namespace, "none", local={"path": "/not/there"}, nodeAffinity=here)
    places = [{"name": "local", "mountPath": "/l"}, {"name": "host", "mountPath": "/h"}]
    writer = main("echo a > /l/x; echo b > /h/x", *places)
    await pods.create("writer", writer, restartPolicy="Never", volumes=[claimed("local"), claimed("host")])
    await said(pods, "writer")
    await pods.delete("writer")
    assert [(tmp_path / place / "x").read_text() for place in ("local", "made")] == ["a\n", "b\n"]
    await pods.create("lost", main(FOREVER, {"name": "none", "mountPath": "/v"}), volumes=[claimed("none")])
    await pods.told("lost", 'path "/not/there" does not exist', "FailedMount")


@pytest.mark.skipif(nfs.has_client(), reason="this kernel has an NFS client")
async def test_an_nfs_volume_says_what_this_kernel_lacks(pods: Pods) -> None:
    volume = {"name": "v", "nfs": {"server": "127.0.0.1", "path": "/export"}}
    await pods.create("nfs", main(FOREVER, {"name": "v", "mountPath": "/v"}), volumes=[volume])
    message = (await pods.events("nfs", "FailedMount"))["FailedMount"]
    assert "cannot mount 127.0.0.1:/export: this node's kernel has no NFS client" in message


@pytest.mark.skipif(not nfs.can_be_mounted(), reason="this machine cannot mount NFS")
async def test_nfs_volumes_are_shared(pods: Pods, node: NodeUnderTest, tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    with nfs.served(export, tmp_path / "server", node.host_ip) as port:
        options = {"mountOptions": ["vers=4.2", f"port={port}"], "modes": ["ReadWriteMany"]}
        share = {"server": node.host_ip, "path": "/export"}
        await bound_claim(pods.client, pods.namespace, "shared", nfs=share, **options)
        place = {"name": "shared", "mountPath": "/v"}
        await pods.create("reader", main(FOREVER, place), volumes=[claimed("shared")])
        await pods.create("writer", main("echo a > /v/x", place), restartPolicy="Never", volumes=[claimed("shared")])
        await said(pods, "writer")
        assert (export / "x").read_text() == "a\n"
        forbidden = main("2> /dev/termination-log echo b > /v/x", place)
        kept = {"restartPolicy": "Never", "volumes": [claimed("shared", readOnly=True)]}
        await pods.create("kept", forbidden, **kept)
        assert "Read-only file system" in await said(pods, "kept")
        for name in ("reader", "writer", "kept"):
            await pods.delete(name)
    assert ":/export " not in Path("/proc/self/mounts").read_text()


@pytest.fixture(autouse=True)
async def remove_volumes(pods: Pods, node: NodeUnderTest) -> AsyncIterator[None]:
    """Volumes have no namespace to go with. The drivers' objects say that nothing has to be attached first."""
    for name in (NAME, FOREIGN):
        driver = {"metadata": {"name": name}, "spec": {"attachRequired": False, "podInfoOnMount": name == FOREIGN}}
        with contextlib.suppress(AlreadyExists):
            await pods.client.create(codec.from_tree(CSIDriver, driver))
    yield
    await pods.remove_all()
    for volume in (await pods.client.list(PersistentVolume)).items:
        try:
            await pods.client.patch(PersistentVolume, volume.metadata.name, "", {"metadata": {"finalizers": []}})
            await pods.client.delete(PersistentVolume, volume.metadata.name)
        except NotFound:
            continue
    async with local_volumes(node) as controller:
        for entry in (await controller.ListVolumes(pb.ListVolumesRequest())).entries:
            await controller.DeleteVolume(pb.DeleteVolumeRequest(volume_id=entry.volume.volume_id))
