"""A local storage driver and what a kubelet and a provisioner would do with it, over its socket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import ControllerStub, IdentityStub, NodeStub

MI = 1 << 20
MODE = pb.VolumeCapability.AccessMode
WRITER = pb.VolumeCapability(mount=pb.VolumeCapability.MountVolume(), access_mode=MODE(mode=MODE.SINGLE_NODE_WRITER))
RAW = pb.VolumeCapability(block=pb.VolumeCapability.BlockVolume(), access_mode=MODE(mode=MODE.SINGLE_NODE_WRITER))
SHARED = pb.VolumeCapability(
    mount=pb.VolumeCapability.MountVolume(), access_mode=MODE(mode=MODE.MULTI_NODE_MULTI_WRITER)
)


@dataclass
class DriverNode:
    """A driver and what a kubelet would do with it."""

    root: Path
    controller: ControllerStub
    node: NodeStub
    identity: IdentityStub

    @classmethod
    def over(cls, root: Path, channel: grpc.aio.Channel) -> DriverNode:
        return cls(root, ControllerStub(channel), NodeStub(channel), IdentityStub(channel))

    async def create(self, name: str, size: int, capability: pb.VolumeCapability = WRITER, source: str = "") -> Any:
        request = pb.CreateVolumeRequest(
            name=name, capacity_range=pb.CapacityRange(required_bytes=size), volume_capabilities=[capability]
        )
        if source:
            request.volume_content_source.volume.volume_id = source
        return (await self.controller.CreateVolume(request)).volume

    def staging(self, id: str) -> Path:
        return self.root / "staging" / id

    def target(self, id: str) -> Path:
        return self.root / "pods" / id / "mount"

    async def publish(self, id: str, capability: pb.VolumeCapability = WRITER, target: str = "", **more: Any) -> Path:
        staging, place = str(self.staging(id)), self.target(target or id)
        await self.node.NodeStageVolume(
            pb.NodeStageVolumeRequest(volume_id=id, staging_target_path=staging, volume_capability=capability)
        )
        await self.node.NodePublishVolume(
            pb.NodePublishVolumeRequest(
                volume_id=id,
                staging_target_path=staging,
                target_path=str(place),
                volume_capability=capability,
                **more,
            )
        )
        return place

    async def unpublish(self, id: str) -> None:
        await self.node.NodeUnpublishVolume(
            pb.NodeUnpublishVolumeRequest(volume_id=id, target_path=str(self.target(id)))
        )
        await self.node.NodeUnstageVolume(
            pb.NodeUnstageVolumeRequest(volume_id=id, staging_target_path=str(self.staging(id)))
        )

    async def snapshot(self, name: str, volume: str) -> Any:
        request = pb.CreateSnapshotRequest(name=name, source_volume_id=volume)
        return (await self.controller.CreateSnapshot(request)).snapshot

    async def restore(self, name: str, size: int, snapshot: str, capability: pb.VolumeCapability = WRITER) -> Any:
        request = pb.CreateVolumeRequest(
            name=name, capacity_range=pb.CapacityRange(required_bytes=size), volume_capabilities=[capability]
        )
        request.volume_content_source.snapshot.snapshot_id = snapshot
        return (await self.controller.CreateVolume(request)).volume

    async def delete(self, id: str) -> None:
        await self.controller.DeleteVolume(pb.DeleteVolumeRequest(volume_id=id))


async def refused(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()
