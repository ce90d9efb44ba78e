"""File systems inside image files: made, checked, grown; copies that keep holes."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DEFAULT_KIND: Final = "ext4"
_MAKE: Final = {
    # Lazily: what is never written need not take room on the node's disk.
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"),
    "xfs": ("mkfs.xfs", "-q", "-f", "-K"),
}
MOUNT_OPTIONS: Final = {"ext4": "noinit_itable", "xfs": "nouuid"}
# Less than this mkfs refuses (XFS), or there would be no room for the file system itself.
MIN_BYTES: Final = {"ext4": 1 << 20, "xfs": 300 << 20}
_CAP_SYS_RESOURCE: Final = 24
_FICLONE: Final = 0x40049409
_CHUNK: Final = 64 * 2**20
_SECONDS: Final = 600


class FileSystemFailure(Exception):
    """A tool refused. The text says which and what it said."""


def kinds() -> tuple[str, ...]:
    return tuple(_MAKE)


def make(kind: str, image: Path) -> None:
    """Format an image file. Raises FileSystemFailure."""
    _run(*_MAKE[kind], str(image))


def can_grow_mounted(kind: str) -> bool:
    """Whether this process may: for ext4 the kernel asks for CAP_SYS_RESOURCE, which containers and some VMs lack."""
    if kind != "ext4":
        return True
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)


def can_grow_unmounted(kind: str) -> bool:
    """XFS grows only while it is mounted."""
    return kind == "ext4"


def grow_image(image: Path) -> None:
    """Have the ext4 of an image that nobody has mounted fill it. Raises FileSystemFailure."""
    # resize2fs insists on a check, which also replays the journal; 1 says that errors were corrected.
    _run("e2fsck", "-f", "-p", str(image), accepted=(0, 1))
    _run("resize2fs", str(image))


def grow_mounted(kind: str, device: Path, mount_point: Path) -> None:
    """Have a mounted file system fill its device. Raises FileSystemFailure."""
    if kind == "xfs":
        _run("xfs_growfs", str(mount_point))
    else:
        _run("resize2fs", str(device))


def _run(*command: str, accepted: tuple[int, ...] = (0,)) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        raise FileSystemFailure(f"{command[0]} is not installed on this node") from None
    except subprocess.TimeoutExpired:
        raise FileSystemFailure(f"{command[0]} did not end within {_SECONDS} s") from None
    if ended.returncode not in accepted:
        said = (ended.stderr or ended.stdout).decode("utf-8", "replace").strip()
        raise FileSystemFailure(f"{command[0]} failed with code {ended.returncode}: {said}")


def share(source: Path, target: Path) -> bool:
    """Copy a file at one moment by sharing its blocks, where the disk can (XFS, btrfs). Raises OSError."""
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            fcntl.ioctl(writing, _FICLONE, reading.fileno())
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV):
                return False
            raise
        os.fsync(writing.fileno())
        return True


def copy(source: Path, target: Path) -> None:
    """Copy a file, to the disk itself: shared blocks where the disk can, holes kept everywhere. Raises OSError."""
    if share(source, target):
        return
    with source.open("rb") as reading, target.open("wb") as writing:
        size = os.fstat(reading.fileno()).st_size
        os.truncate(writing.fileno(), size)
        for start, end in _data(reading.fileno(), size):
            _copy_range(reading.fileno(), writing.fileno(), start, end)
        # Only a copy that outlives a power failure may be written down as one.
        os.fsync(writing.fileno())


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file is not a hole."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # only a hole is left
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        copied = os.copy_file_range(source, target, min(end - start, _CHUNK), start, start)
        if copied == 0:
            return  # the file has become shorter
        start += copied
