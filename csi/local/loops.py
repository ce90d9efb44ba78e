"""Loop devices: files shown as disks (drivers/block/loop.c, linux/loop.h)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster import kernel_mounts

_LOOP_CTL_GET_FREE: Final = 0x4C82
_LOOP_CONFIGURE: Final = 0x4C0A
_LOOP_CLR_FD: Final = 0x4C01
_LOOP_SET_CAPACITY: Final = 0x4C07
_AUTOCLEAR: Final = 4
_MAJOR: Final = 7
# struct loop_config: descriptor, block size, loop_info64 (five 64-bit and four 32-bit numbers, names, key), reserve.
_CONFIG: Final = struct.Struct("=II 5Q 4I 64s 64s 32s 2Q 8Q")
# Somebody else may take a free device before us.
_ATTEMPTS: Final = 20
# Containers are started with a copy of all mounts: on a busy machine it takes them seconds to leave it behind.
_LETTING_GO_SECONDS: Final = 5.0
_GONE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.01
_BLOCKS: Final = Path("/sys/block")


def attach(image: Path, *, autoclear: bool) -> tuple[Path, int]:
    """Show a file as a disk; the device, and a descriptor of it that the caller closes.

    autoclear: the kernel detaches it once nobody has it mounted or open any more. Raises OSError: ENOENT or EPERM
    where this machine grants no loop devices.
    """
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            device = _free()
            opened = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(opened, _LOOP_CONFIGURE, _config(backing, image, autoclear=autoclear))
            except OSError as error:
                os.close(opened)
                if error.errno != errno.EBUSY:
                    raise
                continue
            return device, opened
    finally:
        os.close(backing)
    raise OSError(errno.EBUSY, "every free loop device was taken by somebody else", str(image))


def _config(backing: int, image: Path, *, autoclear: bool) -> bytes:
    flags = _AUTOCLEAR if autoclear else 0
    shown = os.fsencode(image)[-63:]
    return _CONFIG.pack(backing, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags, shown, b"", b"", 0, 0, *(0,) * 8)


def _free() -> Path:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
    finally:
        os.close(control)
    device = Path(f"/dev/loop{number}")
    if not device.exists():
        # A /dev that is no devtmpfs does not grow by itself.
        os.mknod(device, 0o600 | stat.S_IFBLK, os.makedev(_MAJOR, number))
    return device


def devices_of(image: Path) -> list[Path]:
    """The devices that show a file."""
    wanted = str(image.resolve())
    return [device for device, backing in _attached() if backing == wanted]


def devices_in_use(image: Path) -> list[Path]:
    """The devices that show a file, but for those that are just being given up.

    After an unmount the kernel takes a moment to detach a device. One that is not gone within that moment still has
    files open in it.
    """
    deadline = time.monotonic() + _LETTING_GO_SECONDS
    while True:
        devices = devices_of(image)
        if not any(_is_being_given_up(device) for device in devices) or time.monotonic() > deadline:
            return devices
        time.sleep(_LOOK_SECONDS)


def _is_being_given_up(device: Path) -> bool:
    try:
        autoclear = (_BLOCKS / device.name / "loop" / "autoclear").read_text().strip() == "1"
    except OSError:
        return True
    return autoclear and kernel_mounts.mount_point_of(device) is None


def attached(image: Path) -> tuple[Path, int] | None:
    """The device in use that shows a file, and a descriptor of it that the caller closes; None when there is none.

    Another device for the same file would let two file systems write to it.
    """
    for device in devices_in_use(image):
        opened = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        # Between look and open it may have been detached, and even be another file's.
        if device in devices_of(image):
            return device, opened
        os.close(opened)
    return None


def _attached() -> Iterator[tuple[Path, str]]:
    for block in _BLOCKS.glob("loop*"):
        try:
            backing = (block / "loop" / "backing_file").read_text().removesuffix("\n")
        except OSError:
            continue  # not attached, or no more
        yield Path("/dev") / block.name, backing


def detach(device: Path) -> None:
    """Show the file no more; once the last user is gone, when there still are some. Raises OSError."""
    _ioctl(device, _LOOP_CLR_FD, ignored=errno.ENXIO)


def devices_below(root: Path) -> list[Path]:
    """The devices that show files below a folder."""
    prefix = f"{root.resolve()}/"
    return [device for device, backing in _attached() if backing.startswith(prefix)]


def detach_below(root: Path) -> None:
    """Detach the devices of every file below a folder: those of raw volumes outlive their maker. Raises OSError.

    Returns when they are gone, or are still held after some seconds: the kernel takes apart what was unmounted, or
    belonged to processes just killed, in its own time.
    """
    for device in devices_below(root):
        detach(device)
    deadline = time.monotonic() + _GONE_SECONDS
    while devices_below(root) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def flush(device: Path) -> None:
    """Have everything written to a device so far be in its file. Raises OSError."""
    opened = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def set_capacity(device: Path) -> None:
    """Have the disk be as large as its file is now. Raises OSError."""
    _ioctl(device, _LOOP_SET_CAPACITY)


def _ioctl(device: Path, request: int, *, ignored: int | None = None) -> None:
    opened = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(opened, request, 0)
    except OSError as error:
        if error.errno != ignored:
            raise
    finally:
        os.close(opened)
