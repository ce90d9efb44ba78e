"""What pods that nobody knows any more have left on the machine: folders, logs, mounts, cgroups."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cluster.cgroups import CgroupFailure
from cluster.logs import get_logger
from kubelet.paths import uid_of_log_directory
from kubelet.pod_cgroups import PodCgroups
from kubelet.removal import remove_tree
from kubelet.volumes.pod_volumes import MountFailure, VolumeServices, take_away

log = get_logger()


async def remove_leftovers(volumes: VolumeServices, cgroups: PodCgroups, known: set[str]) -> None:
    """Remove everything of pods whose uid is not known; what cannot be removed is left for the next start."""
    for uid in cgroups.uids() - known:
        try:
            await cgroups.remove(uid)
        except CgroupFailure as error:
            log.warning("could not remove the cgroup of a pod that is gone", uid=uid, reason=str(error))
    paths = volumes.paths
    for directory in (*_entries(paths.pods), *_entries(paths.memory)):
        if directory.name not in known:
            await _remove(directory, volumes, directory.name)
    for directory in _entries(paths.logs):
        if uid_of_log_directory(directory.name) not in known:
            await _remove(directory, volumes, uid_of_log_directory(directory.name))


def _entries(directory: Path) -> list[Path]:
    return [entry for entry in directory.iterdir() if entry.is_dir()] if directory.is_dir() else []


async def _remove(directory: Path, volumes: VolumeServices, uid: str) -> None:
    try:
        await take_away(volumes, uid)
        await asyncio.to_thread(remove_tree, directory)
    except (OSError, MountFailure) as error:
        log.warning("could not remove what a pod left", folder=str(directory), reason=str(error))
