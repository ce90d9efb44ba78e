"""Volumes that outlive their pods: from a claim to its PersistentVolume to a place on this node."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import grpc
from msgspec.structs import replace

from api import node_terms, quantity
from api.errors import Conflict, NotFound
from api.types import (
    CSIVolumeSource,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Record,
    SecretReference,
    Volume,
)
from cluster import kernel_mounts
from cluster.client import Client
from kubelet.csi.drivers import DriverFailure
from kubelet.metrics.volumes import MountedClaim
from kubelet.paths import Paths
from kubelet.patience import patiently
from kubelet.volumes import host_path, nfs
from kubelet.volumes.csi import CsiVolume, CsiVolumes
from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.ownership import apply_fs_group

# Conditions of a claim that say its volume has not all of its new size.
RESIZE_CONDITIONS = ("Resizing", "FileSystemResizePending")
# As for objects: the API server may hear of the binding a moment after the node.

T = TypeVar("T", bound=Record)


class PersistentVolumes:
    """node: this node's object once it is registered."""

    def __init__(self, client: Client, paths: Paths, csi: CsiVolumes, node: Callable[[], Node | None]) -> None:
        self._client = client
        self._paths = paths
        self._csi = csi
        self._node = node
        self._mounted: dict[tuple[str, str], MountedClaim] = {}
        self._republished: set[tuple[str, str]] = set()

    def mounted(self) -> list[MountedClaim]:
        """The claims whose file systems pods of this node have."""
        return list(self._mounted.values())

    @staticmethod
    def serves(volume: Volume) -> bool:
        return volume.persistent_volume_claim is not None or volume.ephemeral is not None or volume.csi is not None

    async def mount(self, pod: Pod, volume: Volume) -> Path:
        """Where the pod finds a claimed or inline CSI volume. Raises VolumeFailure, StatusError, OSError."""
        if volume.csi is not None:
            place = await self._csi.mount(pod, _inline(pod, volume.name, volume.csi))
            await self._note_republished(pod, volume, volume.csi.driver)
            return place
        claim = await self._claim(pod, volume)
        found = await self._volume(claim)
        read_only = volume.persistent_volume_claim is not None and volume.persistent_volume_claim.read_only
        place = await self._show(pod, claim, found, read_only=read_only)
        if found.spec.volume_mode != "Block" and (found.spec.csi is not None or found.spec.local is not None):
            mounted = MountedClaim(claim.metadata.namespace, claim.metadata.name, place)
            self._mounted[pod.metadata.uid, volume.name] = mounted
        if found.spec.csi is not None:
            await self._note_republished(pod, volume, found.spec.csi.driver)
        return place

    async def _note_republished(self, pod: Pod, volume: Volume, driver: str) -> None:
        if await self._csi.republishes(driver):
            self._republished.add((pod.metadata.uid, volume.name))

    def is_republished(self, uid: str, volume: str) -> bool:
        """Whether a pod's volume is to be mounted again from time to time: its driver asks for that."""
        return (uid, volume) in self._republished

    async def unmount(self, uid: str) -> None:
        """Give back what drivers serve for a pod. Raises VolumeFailure, OSError."""
        for key in [key for key in self._mounted if key[0] == uid]:
            del self._mounted[key]
        self._republished = {key for key in self._republished if key[0] != uid}
        await self._csi.unmount(uid)

    async def _claim(self, pod: Pod, volume: Volume) -> PersistentVolumeClaim:
        source, namespace = volume.persistent_volume_claim, pod.metadata.namespace
        name = source.claim_name if source is not None else f"{pod.metadata.name}-{volume.name}"
        try:
            claim = await patiently(lambda: self._client.get(PersistentVolumeClaim, name, namespace))
        except NotFound as error:
            raise VolumeFailure(f"failed to fetch PVC from API server: {error.message}") from error
        if source is None and not any(
            owner.uid == pod.metadata.uid and owner.controller for owner in claim.metadata.owner_references
        ):
            raise VolumeFailure(f"PVC {namespace}/{name} was not created for pod {namespace}/{pod.metadata.name}")
        if claim.status.phase == "Lost":
            raise VolumeFailure(f'PVC "{namespace}/{name}" has lost its volume "{claim.spec.volume_name}"')
        if claim.status.phase != "Bound" or not claim.spec.volume_name:
            raise VolumeFailure(f'PVC "{namespace}/{name}" is not bound')
        return claim

    async def _volume(self, claim: PersistentVolumeClaim) -> PersistentVolume:
        name = claim.spec.volume_name
        try:
            found = await patiently(lambda: self._client.get(PersistentVolume, name))
        except NotFound as error:
            raise VolumeFailure(f"failed to fetch PV from API server: {error.message}") from error
        reference = found.spec.claim_ref
        if reference is None or reference.uid != claim.metadata.uid:
            raise VolumeFailure(f'PV "{name}" is bound to another claim')
        self._check_reach(found)
        return found

    def _check_reach(self, volume: PersistentVolume) -> None:
        node, affinity = self._node(), volume.spec.node_affinity
        if node is None or affinity is None or affinity.required is None:
            return
        if not node_terms.selects(affinity.required, node.metadata.name, node.metadata.labels):
            raise VolumeFailure(f'PV "{volume.metadata.name}" cannot be reached from node "{node.metadata.name}"')

    async def _show(self, pod: Pod, claim: PersistentVolumeClaim, volume: PersistentVolume, *, read_only: bool) -> Path:
        spec = volume.spec
        if spec.csi is not None:
            wanted = csi_volume(volume, claim, read_only=read_only)
            place = await self._csi.mount(pod, wanted)
            await self._finish_growth(pod, claim, volume, wanted)
            return place
        if spec.host_path is not None:
            return host_path.set_up(spec.host_path)
        if spec.local is not None:
            return await asyncio.to_thread(self._show_local, pod, volume)
        if spec.nfs is not None:
            place = self._paths.volume(pod.metadata.uid, "nfs", volume.metadata.name)
            await nfs.mount(spec.nfs, place, spec.mount_options, read_only=read_only)
            return place
        raise VolumeFailure(f'PV "{volume.metadata.name}" is of a kind this node does not support')

    async def _finish_growth(
        self, pod: Pod, claim: PersistentVolumeClaim, volume: PersistentVolume, wanted: CsiVolume
    ) -> None:
        """A file system that could not grow while it was mounted does so now; the claim is told."""
        size = volume.spec.capacity.get("storage", "0")
        if quantity.parse(size) <= quantity.parse(claim.status.capacity.get("storage", size)):
            return
        try:
            if not wanted.read_only:
                await self._csi.expand(pod, wanted, quantity.whole(size))
        except DriverFailure as failure:
            if failure.code is grpc.StatusCode.FAILED_PRECONDITION:
                return  # somebody else has it mounted: it grows at a later mount, and the pod need not wait for that
            raise
        kept = [each for each in claim.status.conditions if each.type not in RESIZE_CONDITIONS]
        status = replace(
            claim.status,
            capacity={**claim.status.capacity, "storage": size},
            conditions=kept,
            allocated_resources={},
            allocated_resource_statuses={},
        )
        try:
            await self._client.update(replace(claim, status=status), subresource="status")
        except Conflict as error:
            raise VolumeFailure(error.message) from error  # tried again with the claim as it is then

    def _show_local(self, pod: Pod, volume: PersistentVolume) -> Path:
        """A folder or a disk of this node, bound into the pod's folder."""
        assert volume.spec.local is not None
        source = Path(volume.spec.local.path)
        if not source.exists():
            raise VolumeFailure(f'path "{source}" does not exist')
        if volume.spec.volume_mode == "Block":
            if not source.is_block_device():
                raise VolumeFailure(f'local volume "{source}" is not a block device')
            return source
        if source.is_block_device():
            return self._show_disk(pod, volume, source)
        if not source.is_dir():
            raise VolumeFailure(f'local volume "{source}" is not a directory')
        place = self._place(pod, volume)
        if not kernel_mounts.is_mount_point(place):
            kernel_mounts.bind(str(source), place)
            apply_fs_group(place, pod)
        return place

    def _show_disk(self, pod: Pod, volume: PersistentVolume, disk: Path) -> Path:
        assert volume.spec.local is not None
        place = self._place(pod, volume)
        if not kernel_mounts.is_mount_point(place):
            kind = volume.spec.local.fs_type or "ext4"
            kernel_mounts.mount(str(disk), place, kind, options=",".join(volume.spec.mount_options))
            apply_fs_group(place, pod)
        return place

    def _place(self, pod: Pod, volume: PersistentVolume) -> Path:
        place = self._paths.volume(pod.metadata.uid, "local-volume", volume.metadata.name)
        place.mkdir(parents=True, exist_ok=True)
        return place


def csi_volume(volume: PersistentVolume, claim: PersistentVolumeClaim, *, read_only: bool) -> CsiVolume:
    """A PersistentVolume as its driver is asked for it."""
    source = volume.spec.csi
    assert source is not None
    return CsiVolume(
        name=volume.metadata.name,
        driver=source.driver,
        handle=source.volume_handle,
        access_modes=list(volume.spec.access_modes),
        block=volume.spec.volume_mode == "Block",
        fs_type=source.fs_type,
        read_only=read_only or source.read_only,
        mount_options=list(volume.spec.mount_options),
        attributes=dict(source.volume_attributes),
        stage_secret=_named(source.node_stage_secret_ref),
        publish_secret=_named(source.node_publish_secret_ref),
        expand_secret=_named(source.node_expand_secret_ref),
    )


def _named(reference: SecretReference | None) -> str:
    return "" if reference is None else f"{reference.namespace}/{reference.name}"


def _inline(pod: Pod, name: str, source: CSIVolumeSource) -> CsiVolume:
    """A volume that comes and goes with its pod (upstream: makeVolumeHandle)."""
    secret = source.node_publish_secret_ref
    handle = hashlib.sha256(f"{name}{pod.metadata.uid}{pod.metadata.namespace}".encode()).hexdigest()
    return CsiVolume(
        name=name,
        driver=source.driver,
        handle=f"csi-{handle}",
        access_modes=["ReadWriteOnce"],
        fs_type=source.fs_type or "",
        read_only=bool(source.read_only),
        inline=True,
        attributes=dict(source.volume_attributes),
        publish_secret=f"{pod.metadata.namespace}/{secret.name}" if secret is not None else "",
    )
