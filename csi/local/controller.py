"""csi.v1.Controller: volumes and their snapshots made, grown, copied and deleted on this node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from google.protobuf import wrappers_pb2
from grpc.aio import ServicerContext as Context

from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import ControllerServicer
from csi.local import TOPOLOGY_KEY, filesystems, growth, volumes
from csi.local.answers import answer, told
from csi.local.locks import Locks
from csi.local.records import FULL, INVALID, VolumeProblem
from csi.local.snapshots import LocalSnapshot
from csi.local.volumes import LocalVolume, Volumes, Wish

R = TypeVar("R")

_Mode = pb.VolumeCapability.AccessMode
# One node has the volume: what several nodes would share cannot be had.
_MODES = frozenset(
    {
        _Mode.SINGLE_NODE_WRITER,
        _Mode.SINGLE_NODE_READER_ONLY,
        _Mode.SINGLE_NODE_SINGLE_WRITER,
        _Mode.SINGLE_NODE_MULTI_WRITER,
    }
)
_CAN = pb.ControllerServiceCapability.RPC
_CAPABILITIES = (
    _CAN.CREATE_DELETE_VOLUME,
    _CAN.LIST_VOLUMES,
    _CAN.GET_CAPACITY,
    _CAN.CREATE_DELETE_SNAPSHOT,
    _CAN.LIST_SNAPSHOTS,
    _CAN.CLONE_VOLUME,
    _CAN.EXPAND_VOLUME,
    _CAN.GET_VOLUME,
    _CAN.SINGLE_NODE_MULTI_WRITER,
)


class LocalController(ControllerServicer):  # type: ignore[misc]
    """locks: shared with the node service."""

    def __init__(self, volumes: Volumes, node_id: str, locks: Locks) -> None:
        self._volumes = volumes
        self._node_id = node_id
        self._locks = locks

    async def CreateVolume(self, request: pb.CreateVolumeRequest, context: Context) -> pb.CreateVolumeResponse:
        source = request.volume_content_source
        names = {request.name}
        if source.volume.volume_id:
            names.add(source.volume.volume_id)
        if source.snapshot.snapshot_id:
            names.add(Locks.SNAPSHOT + source.snapshot.snapshot_id)
        volume = await self._run(context, names, lambda: self._volumes.create(self._wish(request)))
        return pb.CreateVolumeResponse(volume=self._message(volume))

    async def DeleteVolume(self, request: pb.DeleteVolumeRequest, context: Context) -> pb.DeleteVolumeResponse:
        await self._run(context, {request.volume_id}, lambda: self._volumes.delete(request.volume_id))
        return pb.DeleteVolumeResponse()

    async def CreateSnapshot(self, request: pb.CreateSnapshotRequest, context: Context) -> pb.CreateSnapshotResponse:
        def take() -> LocalSnapshot:
            if not request.name or not request.source_volume_id:
                raise VolumeProblem(INVALID, "a snapshot needs a name and a volume")
            return self._volumes.take_snapshot(request.name, request.source_volume_id, time.time_ns())

        names = {Locks.SNAPSHOT + request.name, request.source_volume_id}
        snapshot = await self._run(context, names, take)
        return pb.CreateSnapshotResponse(snapshot=_snapshot_message(snapshot))

    async def DeleteSnapshot(self, request: pb.DeleteSnapshotRequest, context: Context) -> pb.DeleteSnapshotResponse:
        names = {Locks.SNAPSHOT + request.snapshot_id}
        await self._run(context, names, lambda: self._volumes.snapshots.delete(request.snapshot_id))
        return pb.DeleteSnapshotResponse()

    async def ListSnapshots(self, request: pb.ListSnapshotsRequest, context: Context) -> pb.ListSnapshotsResponse:
        every = await answer(context, self._volumes.snapshots.all)
        wanted, volume = request.snapshot_id, request.source_volume_id
        found = [each for each in every if wanted in ("", each.id) and volume in ("", each.volume)]
        after = [each for each in found if each.id > request.starting_token]
        shown = after[: request.max_entries] if request.max_entries > 0 else after
        entries = [pb.ListSnapshotsResponse.Entry(snapshot=_snapshot_message(each)) for each in shown]
        token = shown[-1].id if len(shown) < len(after) else ""
        return pb.ListSnapshotsResponse(entries=entries, next_token=token)

    async def ControllerExpandVolume(
        self, request: pb.ControllerExpandVolumeRequest, context: Context
    ) -> pb.ControllerExpandVolumeResponse:
        wanted, id = request.capacity_range, request.volume_id

        def expand() -> LocalVolume:
            self._volumes.expand(id, wanted.required_bytes, wanted.limit_bytes)
            # The controller is on the volume's own node: what the node would be asked for can be done at once.
            return growth.follow(self._volumes, id)

        volume = await self._run(context, {id}, expand)
        return pb.ControllerExpandVolumeResponse(
            capacity_bytes=volume.capacity_bytes,
            node_expansion_required=volume.formatted_bytes < volume.capacity_bytes,
        )

    async def ValidateVolumeCapabilities(
        self, request: pb.ValidateVolumeCapabilitiesRequest, context: Context
    ) -> pb.ValidateVolumeCapabilitiesResponse:
        volume = await answer(context, lambda: self._volumes.get(request.volume_id))
        try:
            kind = _kind(request.volume_capabilities)
        except VolumeProblem as problem:
            return pb.ValidateVolumeCapabilitiesResponse(message=str(problem))
        if kind != volume.kind:
            return pb.ValidateVolumeCapabilitiesResponse(message="the volume is of another mode or file system")
        confirmed = pb.ValidateVolumeCapabilitiesResponse.Confirmed(
            volume_context=request.volume_context,
            volume_capabilities=request.volume_capabilities,
            parameters=request.parameters,
        )
        return pb.ValidateVolumeCapabilitiesResponse(confirmed=confirmed)

    async def ListVolumes(self, request: pb.ListVolumesRequest, context: Context) -> pb.ListVolumesResponse:
        every = await answer(context, self._volumes.all)
        after = [volume for volume in every if volume.id > request.starting_token]
        shown = after[: request.max_entries] if request.max_entries > 0 else after
        entries = [pb.ListVolumesResponse.Entry(volume=self._message(volume)) for volume in shown]
        token = shown[-1].id if len(shown) < len(after) else ""
        return pb.ListVolumesResponse(entries=entries, next_token=token)

    async def ControllerGetVolume(
        self, request: pb.ControllerGetVolumeRequest, context: Context
    ) -> pb.ControllerGetVolumeResponse:
        volume = await answer(context, lambda: self._volumes.get(request.volume_id))
        return pb.ControllerGetVolumeResponse(volume=self._message(volume))

    async def GetCapacity(self, request: pb.GetCapacityRequest, context: Context) -> pb.GetCapacityResponse:
        segments = request.accessible_topology.segments
        if segments and segments.get(TOPOLOGY_KEY) != self._node_id:
            return pb.GetCapacityResponse()
        available = await answer(context, self._volumes.available_bytes)
        return pb.GetCapacityResponse(
            available_capacity=available,
            maximum_volume_size=wrappers_pb2.Int64Value(value=available),
            minimum_volume_size=wrappers_pb2.Int64Value(value=volumes.MIN_BYTES),
        )

    async def ControllerGetCapabilities(
        self, request: pb.ControllerGetCapabilitiesRequest, context: Context
    ) -> pb.ControllerGetCapabilitiesResponse:
        capabilities = [pb.ControllerServiceCapability(rpc=_CAN(type=each)) for each in _CAPABILITIES]
        return pb.ControllerGetCapabilitiesResponse(capabilities=capabilities)

    async def _run(self, context: Context, names: set[str], work: Callable[[], R]) -> R:
        return await told(context, self._locks.run(names, work))

    def _wish(self, request: pb.CreateVolumeRequest) -> Wish:
        self._check_topology(request.accessibility_requirements)
        source = request.volume_content_source
        return Wish(
            name=request.name,
            required_bytes=request.capacity_range.required_bytes,
            limit_bytes=request.capacity_range.limit_bytes,
            kind=_kind(request.volume_capabilities),
            source=source.volume.volume_id,
            snapshot=source.snapshot.snapshot_id,
        )

    def _check_topology(self, wanted: pb.TopologyRequirement) -> None:
        allowed = [*wanted.requisite, *wanted.preferred]
        if allowed and not any(each.segments.get(TOPOLOGY_KEY) == self._node_id for each in allowed):
            raise VolumeProblem(FULL, f"volumes made by this driver are on node {self._node_id} only")

    def _message(self, volume: LocalVolume) -> pb.Volume:
        message = pb.Volume(
            capacity_bytes=volume.capacity_bytes,
            volume_id=volume.id,
            accessible_topology=[pb.Topology(segments={TOPOLOGY_KEY: self._node_id})],
        )
        if volume.source:
            message.content_source.volume.volume_id = volume.source
        if volume.snapshot:
            message.content_source.snapshot.snapshot_id = volume.snapshot
        return message


def _snapshot_message(snapshot: LocalSnapshot) -> pb.Snapshot:
    message = pb.Snapshot(
        size_bytes=snapshot.capacity_bytes,
        snapshot_id=snapshot.id,
        source_volume_id=snapshot.volume,
        ready_to_use=True,
    )
    message.creation_time.FromNanoseconds(snapshot.created_ns)
    return message


def _kind(capabilities: Iterable[pb.VolumeCapability]) -> str:
    """The file system asked for, "" for a raw device. Raises VolumeProblem for what cannot be had."""
    kinds = set()
    for capability in capabilities:
        if capability.access_mode.mode not in _MODES:
            mode = _Mode.Mode.Name(capability.access_mode.mode)
            text = f"access mode {mode} is not possible: a local volume can be used on one node only"
            raise VolumeProblem(INVALID, text)
        is_block = capability.WhichOneof("access_type") == "block"
        kinds.add("" if is_block else capability.mount.fs_type or filesystems.DEFAULT_KIND)
    if len(kinds) != 1:
        raise VolumeProblem(INVALID, "exactly one volume mode and file system must be asked for")
    kind = kinds.pop()
    if kind and kind not in filesystems.kinds():
        text = f"file system {kind!r} is not supported, only {', '.join(filesystems.kinds())}"
        raise VolumeProblem(INVALID, text)
    return kind
