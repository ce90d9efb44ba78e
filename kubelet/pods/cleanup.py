"""What pods that nobody knows any more have left on the machine: folders, logs, mounts, cgroups."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from cluster.cgroups import CgroupFailure
from cluster.logs import get_logger
from kubelet.paths import Paths, uid_of_log_directory
from kubelet.pod_cgroups import PodCgroups
from kubelet.removal import remove_tree
from kubelet.volumes.pod_volumes import remove_volumes

log = get_logger()


async def remove_leftovers(paths: Paths, cgroups: PodCgroups, known: set[str]) -> None:
    """Remove everything of pods whose uid is not known; what cannot be removed is left for the next start."""
    for uid in cgroups.uids() - known:
        try:
            await cgroups.remove(uid)
        except CgroupFailure as error:
            log.warning("could not remove the cgroup of a pod that is gone", uid=uid, reason=str(error))
    await asyncio.to_thread(_remove_folders, paths, known)


def _remove_folders(paths: Paths, known: set[str]) -> None:
    for directory in (*_entries(paths.pods), *_entries(paths.memory)):
        if directory.name not in known:
            _remove(directory, paths, directory.name)
    for directory in _entries(paths.logs):
        if uid_of_log_directory(directory.name) not in known:
            _remove(directory, paths, uid_of_log_directory(directory.name))


def _entries(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from (entry for entry in directory.iterdir() if entry.is_dir())


def _remove(directory: Path, paths: Paths, uid: str) -> None:
    try:
        remove_volumes(paths, uid)
        remove_tree(directory)
    except OSError as error:
        log.warning("could not remove what a pod left", folder=str(directory), reason=str(error))
