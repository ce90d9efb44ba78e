"""The resizer: claims that ask for more than they have get it (upstream: external-resizer).

The node's driver lets the volume grow, and its file system with it when it may. Otherwise the claim says
FileSystemResizePending, and the node's kubelet finishes when it next mounts the volume.
"""

from __future__ import annotations

from msgspec.structs import replace

from api import quantity, timestamps
from api.types import (
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimCondition,
    PersistentVolumeClaimStatus,
)
from cluster import csi
from cluster.connection import Connection
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from cluster.pb import csi_pb2 as pb
from controllers.context import Context
from controllers.local_storage import DRIVER
from controllers.local_storage.drivers import DriverFailure, NodeDrivers
from controllers.local_storage.volumes import is_ours, node_of
from controllers.mirror import key_of
from controllers.persistent_volume.matching import wanted_size

NAME = "local-resizer"
RESIZING = "Resizing"
FILE_SYSTEM_PENDING = "FileSystemResizePending"
STORAGE = "storage"


class LocalResizer:
    """identity: what this process calls kubelets with."""

    def __init__(self, context: Context, identity: Connection) -> None:
        self._context = context
        self._recorder = context.recorder(f"external-resizer {DRIVER}")
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        nodes = context.informer(Node)
        self._drivers = NodeDrivers(lambda name: nodes.get("", name), identity)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._claims.add_handler(self._claim_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        claim = self._claims.get(*key)
        if claim is None or not wants_more(claim):
            return
        volume = self._volumes.get("", claim.spec.volume_name)
        if volume is None or not is_ours(volume) or _is_pending(claim, volume):
            return
        wanted = int(wanted_size(claim))
        self._recorder.record(claim, NORMAL, RESIZING, f"External resizer is resizing volume {volume.metadata.name}")
        claim = await self._tell(claim, resizing(claim.status, claim.spec.resources.requests[STORAGE], self._now()))
        try:
            answer = await self._drivers.expand(node_of(volume), _request(volume, wanted))
        except DriverFailure as failure:
            text = f'resize volume "{volume.metadata.name}" by resizer "{DRIVER}" failed: {failure}'
            self._recorder.record(claim, WARNING, "VolumeResizeFailed", text)
            raise
        size = quantity.format(answer.capacity_bytes, "BinarySI")
        capacity = {**volume.spec.capacity, STORAGE: size}
        if capacity != volume.spec.capacity:
            await self._volumes.update(replace(volume, spec=replace(volume.spec, capacity=capacity)))
        if answer.node_expansion_required:
            text = "Require file system resize of volume on node"
            self._recorder.record(claim, NORMAL, "FileSystemResizeRequired", text)
            await self._tell(claim, pending(claim.status, self._now()))
        else:
            text = f"Resize volume succeeded: {volume.metadata.name} holds {size}"
            self._recorder.record(claim, NORMAL, "VolumeResizeSuccessful", text)
            await self._tell(claim, resized(claim.status, size))

    def _now(self) -> str:
        return timestamps.now_text(self._context.now())

    async def _tell(self, claim: PersistentVolumeClaim, status: PersistentVolumeClaimStatus) -> PersistentVolumeClaim:
        if status == claim.status:
            return claim
        return await self._claims.update(replace(claim, status=status), subresource="status")

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is not None and wants_more(new):
            self._queue.add(key_of(new))


def wants_more(claim: PersistentVolumeClaim) -> bool:
    """Whether a bound claim asks for more than it was given."""
    given = claim.status.capacity.get(STORAGE)
    if claim.status.phase != "Bound" or given is None or claim.metadata.deletion_timestamp is not None:
        return False
    return wanted_size(claim) > quantity.parse(given)


def _is_pending(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Whether all that is left is the node's to do."""
    told = any(condition.type == FILE_SYSTEM_PENDING for condition in claim.status.conditions)
    return told and quantity.parse(volume.spec.capacity.get(STORAGE, "0")) >= wanted_size(claim)


def _request(volume: PersistentVolume, wanted: int) -> pb.ControllerExpandVolumeRequest:
    assert volume.spec.csi is not None
    capabilities = csi.capabilities(
        volume.spec.access_modes[:1], block=volume.spec.volume_mode == "Block", fs_type=volume.spec.csi.fs_type
    )
    return pb.ControllerExpandVolumeRequest(
        volume_id=volume.spec.csi.volume_handle,
        capacity_range=pb.CapacityRange(required_bytes=wanted),
        volume_capability=capabilities[0] if capabilities else None,
    )


def resizing(status: PersistentVolumeClaimStatus, wanted: str, now: str) -> PersistentVolumeClaimStatus:
    """The driver is at it."""
    return replace(
        status,
        conditions=_with(status, RESIZING, "", now),
        allocated_resources={**status.allocated_resources, STORAGE: wanted},
        allocated_resource_statuses={
            **status.allocated_resource_statuses,
            STORAGE: "ControllerResizeInProgress",
        },
    )


def pending(status: PersistentVolumeClaimStatus, now: str) -> PersistentVolumeClaimStatus:
    """The volume is larger; the file system will be when it is next mounted."""
    text = "Waiting for user to (re-)start a pod to finish file system resize of volume on node."
    return replace(
        status,
        conditions=_with(status, FILE_SYSTEM_PENDING, text, now),
        allocated_resource_statuses={**status.allocated_resource_statuses, STORAGE: "NodeResizePending"},
    )


def resized(status: PersistentVolumeClaimStatus, size: str) -> PersistentVolumeClaimStatus:
    """Done."""
    return replace(
        status,
        capacity={**status.capacity, STORAGE: size},
        conditions=[each for each in status.conditions if each.type not in (RESIZING, FILE_SYSTEM_PENDING)],
        allocated_resources={},
        allocated_resource_statuses={},
    )


def _with(
    status: PersistentVolumeClaimStatus, kind: str, message: str, now: str
) -> list[PersistentVolumeClaimCondition]:
    others = [each for each in status.conditions if each.type not in (RESIZING, FILE_SYSTEM_PENDING)]
    added = PersistentVolumeClaimCondition(type=kind, status="True", message=message, last_transition_time=now)
    return [*others, added]
