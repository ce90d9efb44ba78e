"""nfs volumes: mounted by the kernel's own NFS client, where it has one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from api.types import NFSVolumeSource
from cluster import kernel_mounts
from kubelet.volumes.failure import VolumeFailure

MOUNT_SECONDS = 120.0
MODULE_SECONDS = 10.0
_KINDS = frozenset({"nfs", "nfs4"})


async def mount(source: NFSVolumeSource, place: Path, options: Sequence[str] = (), *, read_only: bool = False) -> None:
    """Mount an export. Raises VolumeFailure."""
    if await asyncio.to_thread(_is_there, place):
        return
    if not await asyncio.to_thread(has_client):
        raise VolumeFailure(
            f"cannot mount {source.server}:{source.path}: this node's kernel has no NFS client "
            "(/proc/filesystems lists neither nfs nor nfs4); use another kind of volume or a node that has one"
        )
    flags = ["ro"] if source.read_only or read_only else []
    wanted = ",".join([*flags, *options]) or "defaults"
    command = ("mount", "-t", "nfs", "-o", wanted, f"{source.server}:{source.path}", str(place))
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
        )
    except FileNotFoundError:
        raise VolumeFailure("mount is not installed on this node") from None
    try:
        async with asyncio.timeout(MOUNT_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        raise VolumeFailure(f"{source.server} did not answer within {MOUNT_SECONDS:.0f} s") from None
    finally:
        await _end(process)
    if process.returncode != 0:
        raise VolumeFailure(f"mount failed: {said.decode('utf-8', 'replace').strip()}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a mount(8) that is not waited for any more, and its helper: that would mount when the server is back."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it ended just now
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _is_there(place: Path) -> bool:
    place.mkdir(parents=True, exist_ok=True)
    return kernel_mounts.is_mount_point(place)


def has_client() -> bool:
    """Whether the kernel can mount NFS; its module is loaded for that, as a first mount would."""
    if not _is_known() and (modprobe := shutil.which("modprobe")):
        subprocess.run([modprobe, "-q", "nfs"], stderr=subprocess.DEVNULL, timeout=MODULE_SECONDS, check=False)
    return _is_known()


def _is_known() -> bool:
    lines = Path("/proc/filesystems").read_text().splitlines()
    return any(line.split()[-1] in _KINDS for line in lines)
