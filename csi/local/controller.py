"""csi.v1.Controller: volumes made, grown, copied and deleted on this node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from weakref import WeakValueDictionary

from google.protobuf import wrappers_pb2
from grpc.aio import ServicerContext as Context

from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import ControllerServicer
from csi.local import TOPOLOGY_KEY, filesystems, growth, volumes
from csi.local.answers import answer
from csi.local.volumes import LocalVolume, VolumeProblem, Volumes, Wish

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
    _CAN.CLONE_VOLUME,
    _CAN.EXPAND_VOLUME,
    _CAN.GET_VOLUME,
    _CAN.SINGLE_NODE_MULTI_WRITER,
)


class LocalController(ControllerServicer):  # type: ignore[misc]
    """Calls about one volume wait for each other."""

    def __init__(self, volumes: Volumes, node_id: str) -> None:
        self._volumes = volumes
        self._node_id = node_id
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def CreateVolume(self, request: pb.CreateVolumeRequest, context: Context) -> pb.CreateVolumeResponse:
        async with self._lock(request.name):
            volume = await answer(context, lambda: self._volumes.create(self._wish(request)))
        return pb.CreateVolumeResponse(volume=self._message(volume))

    async def DeleteVolume(self, request: pb.DeleteVolumeRequest, context: Context) -> pb.DeleteVolumeResponse:
        async with self._lock(request.volume_id):
            await answer(context, lambda: self._volumes.delete(request.volume_id))
        return pb.DeleteVolumeResponse()

    async def ControllerExpandVolume(
        self, request: pb.ControllerExpandVolumeRequest, context: Context
    ) -> pb.ControllerExpandVolumeResponse:
        wanted = request.capacity_range
        async with self._lock(request.volume_id):
            await answer(
                context,
                lambda: self._volumes.expand(request.volume_id, wanted.required_bytes, wanted.limit_bytes),
            )
            # The controller is on the volume's own node: what the node would be asked for can be done at once.
            volume = await answer(context, lambda: growth.follow(self._volumes, request.volume_id))
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

    def _lock(self, id: str) -> asyncio.Lock:
        lock = self._locks.get(id)
        if lock is None:
            lock = self._locks[id] = asyncio.Lock()
        return lock

    def _wish(self, request: pb.CreateVolumeRequest) -> Wish:
        self._check_topology(request.accessibility_requirements)
        source = request.volume_content_source
        if source.WhichOneof("type") == "snapshot":
            raise VolumeProblem(volumes.INVALID, "this driver makes no snapshots: clone the claim instead")
        return Wish(
            name=request.name,
            required_bytes=request.capacity_range.required_bytes,
            limit_bytes=request.capacity_range.limit_bytes,
            kind=_kind(request.volume_capabilities),
            source=source.volume.volume_id,
        )

    def _check_topology(self, wanted: pb.TopologyRequirement) -> None:
        allowed = [*wanted.requisite, *wanted.preferred]
        if allowed and not any(each.segments.get(TOPOLOGY_KEY) == self._node_id for each in allowed):
            raise VolumeProblem(volumes.FULL, f"volumes made by this driver are on node {self._node_id} only")

    def _message(self, volume: LocalVolume) -> pb.Volume:
        message = pb.Volume(
            capacity_bytes=volume.capacity_bytes,
            volume_id=volume.id,
            accessible_topology=[pb.Topology(segments={TOPOLOGY_KEY: self._node_id})],
        )
        if volume.source:
            message.content_source.volume.volume_id = volume.source
        return message


def _kind(capabilities: Iterable[pb.VolumeCapability]) -> str:
    """The file system asked for, "" for a raw device. Raises VolumeProblem for what cannot be had."""
    kinds = set()
    for capability in capabilities:
        if capability.access_mode.mode not in _MODES:
            mode = _Mode.Mode.Name(capability.access_mode.mode)
            text = f"access mode {mode} is not possible: a local volume can be used on one node only"
            raise VolumeProblem(volumes.INVALID, text)
        is_block = capability.WhichOneof("access_type") == "block"
        kinds.add("" if is_block else capability.mount.fs_type or filesystems.DEFAULT_KIND)
    if len(kinds) != 1:
        raise VolumeProblem(volumes.INVALID, "exactly one volume mode and file system must be asked for")
    kind = kinds.pop()
    if kind and kind not in filesystems.kinds():
        text = f"file system {kind!r} is not supported, only {', '.join(filesystems.kinds())}"
        raise VolumeProblem(volumes.INVALID, text)
    return kind
