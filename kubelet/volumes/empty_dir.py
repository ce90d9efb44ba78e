"""emptyDir volumes: a folder, or a tmpfs of limited size."""

from __future__ import annotations

from pathlib import Path

from api import quantity
from api.types import EmptyDirVolumeSource, Pod
from cluster import kernel_mounts
from kubelet.containers.resources import pod_limits
from kubelet.volumes.atomic import own_by_group
from kubelet.volumes.failure import VolumeFailure

EMPTY_DIR_MODE = 0o777


def set_up(directory: Path, source: EmptyDirVolumeSource, pod: Pod) -> None:
    """Make the volume unless it is there already. Raises VolumeFailure for a medium this node lacks, OSError."""
    if source.medium not in ("", "Memory"):
        raise VolumeFailure(f'unknown storage medium "{source.medium}"')
    existed = directory.is_dir()
    directory.mkdir(parents=True, exist_ok=True)
    if source.medium == "Memory" and not kernel_mounts.is_mount_point(directory):
        kernel_mounts.mount_tmpfs(directory, size_bytes=_size(source, pod), mode=EMPTY_DIR_MODE)
        existed = False
    if existed:
        return
    directory.chmod(EMPTY_DIR_MODE)
    context = pod.spec.security_context
    if context is not None and context.fs_group is not None:
        own_by_group(directory, context.fs_group, writable=True)


def _size(source: EmptyDirVolumeSource, pod: Pod) -> int | None:
    """The smaller of the volume's limit and the pod's memory limit; the kernel's own default without either."""
    limits = [quantity.whole(source.size_limit)] if source.size_limit else []
    memory = pod_limits(pod).get("memory", 0)
    if memory and all("memory" in container.resources.limits for container in pod.spec.containers):
        limits.append(memory)
    sizes = [limit for limit in limits if limit > 0]
    return min(sizes) if sizes else None
