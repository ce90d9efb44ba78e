"""Volumes that CSI drivers serve: staged once a node, published once a pod (upstream: pkg/volume/csi).

What is published is written down beside it (`vol_data.json`, as upstream names it), so that a kubelet started anew, or
one whose API server is gone, knows what to take back.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from api.types import CSIDriver, Pod
from cluster import csi as csi_calls
from cluster.pb import csi_pb2 as pb
from kubelet.csi.drivers import CALL_SECONDS, Driver, Drivers, call
from kubelet.paths import Paths
from kubelet.volumes.csi_credentials import Credentials
from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.ownership import apply_fs_group

RECORD = "vol_data.json"
_SINGLE_POD = "ReadWriteOncePod"


@dataclass(frozen=True, slots=True)
class CsiVolume:
    """What is to be mounted. `name` is the PersistentVolume's, or made up for an inline volume."""

    name: str
    driver: str
    handle: str
    access_modes: list[str]
    block: bool = False
    fs_type: str = ""
    read_only: bool = False
    inline: bool = False
    mount_options: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    # NAMESPACE/NAME of the Secrets that go with the calls; never what is in them.
    stage_secret: str = ""
    publish_secret: str = ""
    expand_secret: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells one volume from all others of the node."""
        return self.driver, self.handle


class CsiVolumes:
    """objects: a driver's CSIDriver object.

    attached: what a driver told when it attached a volume (driver and handle); raises VolumeFailure until then.
    """

    def __init__(
        self,
        paths: Paths,
        drivers: Drivers,
        objects: Callable[[str], Awaitable[CSIDriver | None]],
        attached: Callable[[str, str], Awaitable[Mapping[str, str]]],
        credentials: Credentials,
    ) -> None:
        self._paths = paths
        self._drivers = drivers
        self._objects = objects
        self._attached = attached
        self._credentials = credentials
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def mount(self, pod: Pod, volume: CsiVolume) -> Path:
        """Where the pod finds the volume. Raises VolumeFailure."""
        driver = await self._drivers.find(volume.driver)
        object = await self._objects(volume.driver)
        # As upstream: a driver that says nothing must attach its volumes.
        attaches = not volume.inline and (object is None or object.spec.attach_required is not False)
        context = await self._attached(volume.driver, volume.handle) if attaches else {}
        folder = self._folder(pod.metadata.uid, volume)
        target = folder / "mount"
        async with self._lock(volume):
            self._check_alone(pod, volume)
            await asyncio.to_thread(_write_record, folder, volume)
            if driver.stages and not volume.inline:
                await self._stage(driver, volume, context)
            tokens = await self._credentials.tokens(pod, object)
            in_secrets = object is not None and bool(object.spec.service_account_token_in_secrets)
            secrets = await self._credentials.secret(volume.publish_secret)
            publish = pb.NodePublishVolumeRequest(
                volume_id=volume.handle,
                staging_target_path=str(self._staging(volume)) if driver.stages and not volume.inline else "",
                target_path=str(target),
                volume_capability=_capability(driver, volume),
                readonly=volume.read_only,
                publish_context=context,
                volume_context={
                    **volume.attributes,
                    **_pod_info(pod, volume, object),
                    **({} if in_secrets else tokens),
                },
                secrets={**secrets, **(tokens if in_secrets else {})},
            )
            await call(driver.node.NodePublishVolume(publish, timeout=CALL_SECONDS))
            if _takes_group(volume, object):
                await asyncio.to_thread(apply_fs_group, target, pod)
        return target

    async def _stage(self, driver: Driver, volume: CsiVolume, context: Mapping[str, str]) -> None:
        staging = self._staging(volume)
        await asyncio.to_thread(lambda: staging.mkdir(parents=True, exist_ok=True))
        request = pb.NodeStageVolumeRequest(
            volume_id=volume.handle,
            staging_target_path=str(staging),
            volume_capability=_capability(driver, volume),
            publish_context=context,
            volume_context=volume.attributes,
            secrets=await self._credentials.secret(volume.stage_secret),
        )
        await call(driver.node.NodeStageVolume(request, timeout=CALL_SECONDS))

    async def republishes(self, driver: str) -> bool:
        """Whether a driver wants to be asked again and again to publish what it has published."""
        object = await self._objects(driver)
        return object is not None and bool(object.spec.requires_republish)

    async def unmount(self, uid: str) -> None:
        """Take back everything published for a pod, and what then nobody uses. Raises VolumeFailure, OSError."""
        for folder, volume in list(self._published(uid)):
            driver = await self._drivers.find(volume.driver)
            async with self._lock(volume):
                target = folder / "mount"
                unpublish = pb.NodeUnpublishVolumeRequest(volume_id=volume.handle, target_path=str(target))
                await call(driver.node.NodeUnpublishVolume(unpublish, timeout=CALL_SECONDS))
                if driver.stages and not volume.inline and not any(self._others(uid, volume)):
                    staging = self._staging(volume)
                    unstage = pb.NodeUnstageVolumeRequest(volume_id=volume.handle, staging_target_path=str(staging))
                    await call(driver.node.NodeUnstageVolume(unstage, timeout=CALL_SECONDS))
                    await asyncio.to_thread(_remove_empty, staging, staging.parent)
                await asyncio.to_thread(_forget, folder)

    async def expand(self, pod: Pod, volume: CsiVolume, bytes_wanted: int) -> None:
        """Have a mounted volume be as large as it is now to be. Raises VolumeFailure."""
        driver = await self._drivers.find(volume.driver)
        if not driver.expands:
            return
        async with self._lock(volume):
            request = pb.NodeExpandVolumeRequest(
                volume_id=volume.handle,
                volume_path=str(self._folder(pod.metadata.uid, volume) / "mount"),
                staging_target_path=str(self._staging(volume)) if driver.stages else "",
                capacity_range=pb.CapacityRange(required_bytes=bytes_wanted),
                volume_capability=_capability(driver, volume),
                secrets=await self._credentials.secret(volume.expand_secret),
            )
            await call(driver.node.NodeExpandVolume(request, timeout=CALL_SECONDS))

    def _folder(self, uid: str, volume: CsiVolume) -> Path:
        if volume.block:
            return self._paths.pod(uid) / "volumeDevices" / "kubernetes.io~csi" / volume.name
        return self._paths.volume(uid, "csi", volume.name)

    def _staging(self, volume: CsiVolume) -> Path:
        plugin = self._paths.data / "plugins" / "kubernetes.io" / "csi"
        if volume.block:
            return plugin / "volumeDevices" / "staging" / volume.name
        return plugin / volume.driver / hashlib.sha256(volume.handle.encode()).hexdigest() / "globalmount"

    def _lock(self, volume: CsiVolume) -> asyncio.Lock:
        lock = self._locks.get(volume.key)
        if lock is None:
            lock = self._locks[volume.key] = asyncio.Lock()
        return lock

    def _published(self, uid: str) -> Iterator[tuple[Path, CsiVolume]]:
        for kind in ("volumes", "volumeDevices"):
            for record in sorted((self._paths.pod(uid) / kind / "kubernetes.io~csi").glob(f"*/{RECORD}")):
                yield record.parent, CsiVolume(**json.loads(record.read_bytes()))

    def _others(self, uid: str, volume: CsiVolume) -> Iterator[CsiVolume]:
        """This volume as other pods have it."""
        return (
            other
            for folder in self._paths.pods.iterdir()
            if folder.name != uid
            for _, other in self._published(folder.name)
            if other.key == volume.key
        )

    def _check_alone(self, pod: Pod, volume: CsiVolume) -> None:
        if _SINGLE_POD in volume.access_modes and any(self._others(pod.metadata.uid, volume)):
            raise VolumeFailure("volume uses the ReadWriteOncePod access mode and is already in use by another pod")


def _capability(driver: Driver, volume: CsiVolume) -> pb.VolumeCapability:
    return csi_calls.capabilities(
        volume.access_modes[:1] or ["ReadWriteOnce"],
        block=volume.block,
        fs_type=volume.fs_type,
        mount_options=volume.mount_options,
        tells_pods_apart=driver.tells_pods_apart,
    )[0]


def _pod_info(pod: Pod, volume: CsiVolume, object: CSIDriver | None) -> Mapping[str, str]:
    if object is None or not object.spec.pod_info_on_mount:
        return {"csi.storage.k8s.io/ephemeral": "true"} if volume.inline else {}
    return {
        "csi.storage.k8s.io/pod.name": pod.metadata.name,
        "csi.storage.k8s.io/pod.namespace": pod.metadata.namespace,
        "csi.storage.k8s.io/pod.uid": pod.metadata.uid,
        "csi.storage.k8s.io/serviceAccount.name": pod.spec.service_account_name,
        "csi.storage.k8s.io/ephemeral": "true" if volume.inline else "false",
    }


def _takes_group(volume: CsiVolume, object: CSIDriver | None) -> bool:
    """Upstream's rule: as the driver says; by default a formatted disk of one node, which nobody else relies on."""
    if volume.block or volume.read_only:
        return False
    policy = (object.spec.fs_group_policy if object is not None else None) or "ReadWriteOnceWithFSType"
    if policy == "ReadWriteOnceWithFSType":
        single = any(mode in ("ReadWriteOnce", _SINGLE_POD) for mode in volume.access_modes)
        return bool(volume.fs_type) and single
    return policy == "File"


def _write_record(folder: Path, volume: CsiVolume) -> None:
    """Before anything is asked of the driver: what is not written down is never taken back."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{RECORD}.new"
    fresh.write_text(json.dumps(asdict(volume)))
    fresh.rename(folder / RECORD)


def _forget(folder: Path) -> None:
    (folder / RECORD).unlink(missing_ok=True)
    _remove_empty(folder / "mount", folder)


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir():
            folder.rmdir()
        else:
            folder.unlink(missing_ok=True)
