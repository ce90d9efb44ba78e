"""What is bound into a container: its volumes, /etc/hosts, the termination message file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from api.types import Container, EphemeralContainer, Pod, Volume, VolumeMount
from kubelet.containers import termination
from kubelet.containers.expansion import expand, valueless
from kubelet.paths import Paths
from kubelet.runtime.base import Device, Mount, MountPropagation
from kubelet.volumes import propagation, subpath

HOSTS = "/etc/hosts"


class MountProblem(Exception):
    """A mount cannot be made. The text is upstream's."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pod's volumes are, by name, and where its files are kept."""

    volumes: Mapping[str, Path]
    paths: Paths


def container_mounts(
    pod: Pod,
    container: Container | EphemeralContainer,
    attempt: int,
    environment: Mapping[str, str],
    places: Places,
) -> list[Mount]:
    """All mounts of a container; sub-paths and the termination file are made. Raises MountProblem, OSError."""
    uid = pod.metadata.uid
    mounts = [
        _volume_mount(pod, container, index, mount, environment, places)
        for index, mount in enumerate(container.volume_mounts)
    ]
    taken = {mount.container_path for mount in mounts}
    if HOSTS not in taken:
        mounts.append(Mount(host_path=str(places.paths.hosts(uid)), container_path=HOSTS))
    said = container.termination_message_path
    if said and said not in taken:
        file = termination.prepare(places.paths.termination_log(uid, container.name, attempt))
        mounts.append(Mount(host_path=str(file), container_path=said))
    return mounts


def container_devices(pod: Pod, container: Container | EphemeralContainer, places: Places) -> list[Device]:
    """The raw volumes a container is given as devices. Raises MountProblem."""
    devices = []
    for wanted in container.volume_devices:
        source = places.volumes.get(wanted.name)
        if source is None or not source.is_block_device():
            raise MountProblem(f'volume "{wanted.name}" of container "{container.name}" is not a block device')
        volume = next((volume for volume in pod.spec.volumes if volume.name == wanted.name), None)
        access = "rwm" if _is_writable(volume) else "rm"
        devices.append(Device(host_path=str(source), container_path=wanted.device_path, access=access))
    return devices


def _volume_mount(
    pod: Pod,
    container: Container | EphemeralContainer,
    index: int,
    mount: VolumeMount,
    environment: Mapping[str, str],
    places: Places,
) -> Mount:
    source = places.volumes.get(mount.name)
    if source is None:
        raise MountProblem(
            f'cannot find volume "{mount.name}" to mount into container "{container.name}"',
        )
    wanted = sub_path(mount, environment)
    target = places.paths.subpath(pod.metadata.uid, mount.name, container.name, index)
    try:
        source = subpath.prepare(source, wanted, target)
    except subpath.SubpathFailure as error:
        text = f'failed to prepare subPath for volumeMount "{mount.name}" of container "{container.name}": {error}'
        raise MountProblem(text) from error
    wanted_propagation = MountPropagation(mount.mount_propagation or "None")
    if wanted_propagation is not MountPropagation.NONE:
        source = propagation.shared(source, places.paths.run / "shared-mounts")
    path = mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}"
    volume = next((volume for volume in pod.spec.volumes if volume.name == mount.name), None)
    if source.is_block_device() and (volume is None or volume.host_path is None):
        raise MountProblem(f'volume "{mount.name}" is a block device: use volumeDevices, not volumeMounts')
    return Mount(
        host_path=str(source),
        container_path=path,
        readonly=mount.read_only or not _is_writable(volume),
        recursively_readonly=mount.read_only and mount.recursive_read_only in ("Enabled", "IfPossible"),
        # As upstream: what comes as an image volume is data.
        noexec=volume is not None and volume.image is not None,
        propagation=wanted_propagation,
    )


def sub_path(mount: VolumeMount, environment: Mapping[str, str]) -> str:
    """The part of the volume that is wanted. Raises MountProblem where upstream does."""
    if not mount.sub_path_expr:
        return mount.sub_path
    missing = valueless(mount.sub_path_expr, environment)
    if missing:
        raise MountProblem(f"missing value for {', '.join(missing)}")
    path = expand(mount.sub_path_expr, environment)
    if path.startswith("/"):
        raise MountProblem(f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise MountProblem(f"unable to provision SubPath `{path}`: must not contain '..'")
    return path


def _is_writable(volume: Volume | None) -> bool:
    """Whether containers may write: not where the kubelet itself puts ConfigMaps and the like (as upstream's)."""
    if volume is None:
        return False
    claim, inline, nfs = volume.persistent_volume_claim, volume.csi, volume.nfs
    if claim is not None:
        return not claim.read_only
    if inline is not None:
        return not inline.read_only
    if nfs is not None:
        return not nfs.read_only
    return volume.empty_dir is not None or volume.host_path is not None or volume.ephemeral is not None
