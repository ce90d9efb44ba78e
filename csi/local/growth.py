"""Devices and file systems that follow their image's growth. Blocking: callers run it in threads."""

from __future__ import annotations

from cluster import kernel_mounts
from csi.local import filesystems, loops
from csi.local.volumes import LocalVolume, Volumes


def follow(volumes: Volumes, id: str) -> LocalVolume:
    """Have everything above a volume's image be as large as it is; the volume as it is then.

    A mounted file system stays behind (`formatted_bytes` says so) where this process may not let it grow; it follows
    when it is next mounted. Raises VolumeProblem, FileSystemFailure, OSError.
    """
    volume = volumes.get(id)
    devices = loops.devices_in_use(volumes.image(id))
    if not volume.kind:
        for device in devices:
            loops.set_capacity(device)
        if volume.formatted_bytes < volume.capacity_bytes:
            volumes.formatted(volume)
    elif not devices:
        volumes.format_whole(id)
    elif filesystems.can_grow_mounted(volume.kind) and volume.formatted_bytes < volume.capacity_bytes:
        for device in devices:
            loops.set_capacity(device)
            mounted = kernel_mounts.mount_point_of(device)
            if mounted is not None:
                filesystems.grow_mounted(volume.kind, device, mounted)
                volumes.formatted(volume)
    return volumes.get(id)
