"""Where containers see the pod's volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.errors import FieldError
from api.types import Container, EphemeralContainer, Volume, VolumeDevice, VolumeMount
from api.validation.checks import Errors, descending_path, known, required

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE_READ_ONLY = ("Disabled", "Enabled", "IfPossible")


def of_container(container: Container | EphemeralContainer, volumes: Mapping[str, Volume], path: str) -> Errors:
    """`volumes` are the pod's valid volumes by name."""
    yield from _mounts(container, volumes, f"{path}.volumeMounts")
    yield from _devices(container.volume_devices, container.volume_mounts, volumes, f"{path}.volumeDevices")


def _mounts(container: Container | EphemeralContainer, volumes: Mapping[str, Volume], path: str) -> Errors:
    mounted: set[str] = set()
    devices = {device.name for device in container.volume_devices}
    device_paths = {device.device_path for device in container.volume_devices}
    for index, mount in enumerate(container.volume_mounts):
        where = f"{path}[{index}]"
        yield from required(mount.name, f"{where}.name")
        if mount.name not in volumes:
            yield FieldError.not_found(f"{where}.name", mount.name)
        yield from required(mount.mount_path, f"{where}.mountPath")
        if mount.mount_path in mounted:
            yield FieldError.invalid(f"{where}.mountPath", mount.mount_path, "must be unique")
        mounted.add(mount.mount_path)
        if mount.name in devices:
            yield FieldError.invalid(f"{where}.name", mount.name, "must not already exist in volumeDevices")
        if mount.mount_path in device_paths:
            detail = "must not already exist as a path in volumeDevices"
            yield FieldError.invalid(f"{where}.mountPath", mount.mount_path, detail)
        yield from _sub_paths(mount, where, path)
        yield from _propagation(mount, container, f"{path}.mountPropagation")
        yield from _recursive_read_only(mount, f"{path}.recursiveReadOnly")


def _sub_paths(mount: VolumeMount, where: str, path: str) -> Errors:
    if mount.sub_path:
        yield from descending_path(mount.sub_path, f"{path}.subPath")
    if mount.sub_path_expr:
        if mount.sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            yield FieldError.invalid(f"{where}.subPathExpr", mount.sub_path_expr, detail)
        yield from descending_path(mount.sub_path_expr, f"{path}.subPathExpr")


def _propagation(mount: VolumeMount, container: Container | EphemeralContainer, path: str) -> Errors:
    yield from known(mount.mount_propagation, path, _PROPAGATIONS)
    context = container.security_context
    if mount.mount_propagation == "Bidirectional" and not (context is not None and context.privileged):
        yield FieldError.forbidden(path, "Bidirectional mount propagation is available only to privileged containers")


def _recursive_read_only(mount: VolumeMount, path: str) -> Errors:
    yield from known(mount.recursive_read_only, path, _RECURSIVE_READ_ONLY)
    if mount.recursive_read_only in ("Enabled", "IfPossible"):
        if not mount.read_only:
            yield FieldError.forbidden(path, "may only be specified when readOnly is true")
        if mount.mount_propagation not in (None, "None"):
            yield FieldError.forbidden(path, "may only be specified when mountPropagation is None or not specified")


def _devices(
    devices: Sequence[VolumeDevice], mounts: Sequence[VolumeMount], volumes: Mapping[str, Volume], path: str
) -> Errors:
    used_names: set[str] = set()
    used_paths: set[str] = set()
    mounted = {mount.name for mount in mounts}
    mount_paths = {mount.mount_path for mount in mounts}
    for index, device in enumerate(devices):
        where = f"{path}[{index}]"
        yield from _device_name(device.name, volumes, used_names, f"{where}.name")
        yield from required(device.device_path, f"{where}.devicePath")
        if device.device_path in used_paths:
            yield FieldError.invalid(f"{where}.devicePath", device.device_path, "must be unique")
        if ".." in device.device_path.split("/"):
            yield FieldError.invalid(f"{where}.devicePath", device.device_path, "can not contain backsteps ('..')")
        if device.name in mounted:
            yield FieldError.invalid(f"{where}.name", device.name, "must not already exist in volumeMounts")
        if device.device_path in mount_paths:
            detail = "must not already exist as a path in volumeMounts"
            yield FieldError.invalid(f"{where}.devicePath", device.device_path, detail)
        used_names.add(device.name)
        used_paths.add(device.device_path)


def _device_name(name: str, volumes: Mapping[str, Volume], used: set[str], path: str) -> Errors:
    yield from required(name, path)
    if name and name in used:
        yield FieldError.invalid(path, name, "must be unique")
    volume = volumes.get(name)
    if volume is None:
        yield FieldError.not_found(path, name)
    elif volume.persistent_volume_claim is None and volume.ephemeral is None:
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield FieldError.invalid(path, name, detail)
