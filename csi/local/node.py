"""csi.v1.Node: volumes shown to the pods of this node."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from grpc.aio import ServicerContext as Context

from cluster import kernel_mounts
from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import NodeServicer
from csi.local import TOPOLOGY_KEY, filesystems, growth, loops
from csi.local.answers import answer, told
from csi.local.locks import Locks
from csi.local.records import ABSENT, BUSY, VolumeProblem
from csi.local.volumes import LocalVolume, Volumes

_CAN = pb.NodeServiceCapability.RPC
_CAPABILITIES = (
    _CAN.STAGE_UNSTAGE_VOLUME,
    _CAN.GET_VOLUME_STATS,
    _CAN.EXPAND_VOLUME,
    _CAN.SINGLE_NODE_MULTI_WRITER,
)


class LocalNode(NodeServicer):  # type: ignore[misc]
    """Each call may be repeated: what is done already is left as it is. locks: shared with the controller."""

    def __init__(self, volumes: Volumes, node_id: str, locks: Locks) -> None:
        self._volumes = volumes
        self._node_id = node_id
        self._locks = locks

    async def NodeStageVolume(self, request: pb.NodeStageVolumeRequest, context: Context) -> pb.NodeStageVolumeResponse:
        staging = Path(request.staging_target_path)
        flags = ",".join(request.volume_capability.mount.mount_flags)
        # A volume that is being copied must not come into use halfway.
        names = {request.volume_id}
        work = self._locks.run(names, lambda: self._stage(self._volumes.get(request.volume_id), staging, flags))
        await told(context, work)
        return pb.NodeStageVolumeResponse()

    async def NodeUnstageVolume(
        self, request: pb.NodeUnstageVolumeRequest, context: Context
    ) -> pb.NodeUnstageVolumeResponse:
        await answer(context, lambda: self._unstage(request.volume_id, Path(request.staging_target_path)))
        return pb.NodeUnstageVolumeResponse()

    async def NodePublishVolume(
        self, request: pb.NodePublishVolumeRequest, context: Context
    ) -> pb.NodePublishVolumeResponse:
        staging, target = Path(request.staging_target_path), Path(request.target_path)

        def publish() -> None:
            volume = self._volumes.get(request.volume_id)
            _publish(self._shown(volume, staging), target, is_folder=bool(volume.kind), readonly=request.readonly)

        await answer(context, publish)
        return pb.NodePublishVolumeResponse()

    async def NodeUnpublishVolume(
        self, request: pb.NodeUnpublishVolumeRequest, context: Context
    ) -> pb.NodeUnpublishVolumeResponse:
        await answer(context, lambda: _unpublish(Path(request.target_path)))
        return pb.NodeUnpublishVolumeResponse()

    async def NodeExpandVolume(
        self, request: pb.NodeExpandVolumeRequest, context: Context
    ) -> pb.NodeExpandVolumeResponse:
        volume = await answer(context, lambda: self._grow(request.volume_id))
        return pb.NodeExpandVolumeResponse(capacity_bytes=volume.capacity_bytes)

    async def NodeGetVolumeStats(
        self, request: pb.NodeGetVolumeStatsRequest, context: Context
    ) -> pb.NodeGetVolumeStatsResponse:
        usage = await answer(context, lambda: self._usage(request.volume_id, Path(request.volume_path)))
        return pb.NodeGetVolumeStatsResponse(usage=usage)

    async def NodeGetCapabilities(
        self, request: pb.NodeGetCapabilitiesRequest, context: Context
    ) -> pb.NodeGetCapabilitiesResponse:
        capabilities = [pb.NodeServiceCapability(rpc=_CAN(type=each)) for each in _CAPABILITIES]
        return pb.NodeGetCapabilitiesResponse(capabilities=capabilities)

    async def NodeGetInfo(self, request: pb.NodeGetInfoRequest, context: Context) -> pb.NodeGetInfoResponse:
        topology = pb.Topology(segments={TOPOLOGY_KEY: self._node_id})
        return pb.NodeGetInfoResponse(node_id=self._node_id, accessible_topology=topology)

    def _stage(self, volume: LocalVolume, staging: Path, flags: str) -> None:
        image = self._volumes.image(volume.id)
        if not volume.kind:
            if not loops.devices_of(image):
                os.close(loops.attach(image, autoclear=False)[1])
            return
        staging.mkdir(parents=True, exist_ok=True)
        if kernel_mounts.is_mount_point(staging):
            return
        present = loops.attached(image)
        if present is None:
            self._volumes.format_whole(volume.id)
        else:
            loops.set_capacity(present[0])
        device, opened = present or loops.attach(image, autoclear=True)
        try:
            options = ",".join(filter(None, (filesystems.MOUNT_OPTIONS[volume.kind], flags)))
            kernel_mounts.mount(str(device), staging, volume.kind, options=options)
        finally:
            os.close(opened)
        growth.follow(self._volumes, volume.id)
        with contextlib.suppress(OSError):
            # Databases want an empty folder, and a check makes it again if it ever needs it.
            (staging / "lost+found").rmdir()

    def _unstage(self, id: str, staging: Path) -> None:
        if kernel_mounts.is_mount_point(staging):
            kernel_mounts.unmount(staging)
        volume = self._volumes.find(id)
        if volume is not None and not volume.kind:
            for device in loops.devices_of(self._volumes.image(id)):
                loops.detach(device)

    def _shown(self, volume: LocalVolume, staging: Path) -> Path:
        """What a pod is given: the mounted file system, or the device."""
        if volume.kind:
            if not kernel_mounts.is_mount_point(staging):
                raise VolumeProblem(BUSY, f"volume {volume.id} is not staged at {staging}")
            return staging
        devices = loops.devices_of(self._volumes.image(volume.id))
        if not devices:
            raise VolumeProblem(BUSY, f"volume {volume.id} is not staged")
        return devices[0]

    def _grow(self, id: str) -> LocalVolume:
        volume = growth.follow(self._volumes, id)
        if volume.formatted_bytes < volume.capacity_bytes:
            text = f"a mounted {volume.kind} cannot grow without CAP_SYS_RESOURCE: it will at its next mount"
            raise VolumeProblem(BUSY, text)
        return volume

    def _usage(self, id: str, path: Path) -> list[pb.VolumeUsage]:
        volume = self._volumes.get(id)
        if not path.exists():
            raise VolumeProblem(ABSENT, f"{path} does not exist")
        if not volume.kind:
            return [pb.VolumeUsage(unit=pb.VolumeUsage.BYTES, total=volume.capacity_bytes)]
        status = os.statvfs(path)
        block = status.f_frsize
        return [
            pb.VolumeUsage(
                unit=pb.VolumeUsage.BYTES,
                total=status.f_blocks * block,
                available=status.f_bavail * block,
                used=(status.f_blocks - status.f_bfree) * block,
            ),
            pb.VolumeUsage(
                unit=pb.VolumeUsage.INODES,
                total=status.f_files,
                available=status.f_ffree,
                used=status.f_files - status.f_ffree,
            ),
        ]


def _publish(source: Path, target: Path, *, is_folder: bool, readonly: bool) -> None:
    if kernel_mounts.is_mount_point(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_folder:
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    bind = kernel_mounts.bind_read_only if readonly else kernel_mounts.bind
    bind(str(source), target)


def _unpublish(target: Path) -> None:
    if kernel_mounts.is_mount_point(target):
        kernel_mounts.unmount(target)
    if target.is_dir():
        target.rmdir()
    else:
        target.unlink(missing_ok=True)
