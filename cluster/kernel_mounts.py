"""mount(2) and umount2(2): for the volumes of kubelets and of storage drivers."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from pathlib import Path
from typing import Final

MS_RDONLY: Final = 0x1
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_SHARED: Final = 1 << 20
MNT_DETACH: Final = 2

# What mount(8) takes for every kind of file system: bits that are set, bits that are cleared.
_GENERAL: Final = {
    "defaults": (0, 0),
    "ro": (MS_RDONLY, 0),
    "rw": (0, MS_RDONLY),
    "nosuid": (0x2, 0),
    "suid": (0, 0x2),
    "nodev": (0x4, 0),
    "dev": (0, 0x4),
    "noexec": (0x8, 0),
    "exec": (0, 0x8),
    "sync": (0x10, 0),
    "async": (0, 0x10),
    "dirsync": (0x80, 0),
    "noatime": (0x400, 0),
    "atime": (0, 0x400),
    "nodiratime": (0x800, 0),
    "diratime": (0, 0x800),
    "silent": (0x8000, 0),
    "relatime": (1 << 21, 0),
    "norelatime": (0, 1 << 21),
    "strictatime": (1 << 24, 0),
    "nostrictatime": (0, 1 << 24),
    "lazytime": (1 << 25, 0),
    "nolazytime": (0, 1 << 25),
}

_libc = ctypes.CDLL(None, use_errno=True)
_OCTAL = re.compile(r"\\([0-7]{3})")
# How the kernel writes these in mountinfo.
_WRITTEN = {ord(character): f"\\{ord(character):03o}" for character in " \t\n\\"}
# statfs(2) magic number of tmpfs.
_TMPFS_MAGIC: Final = 0x01021994


def mount_tmpfs(target: Path, *, size_bytes: int | None, mode: int) -> None:
    """Mount an empty tmpfs. Raises OSError."""
    options = f"mode={mode:o}" + (f",size={size_bytes}" if size_bytes else "")
    _mount("tmpfs", target, "tmpfs", 0, options)


def bind(source: str, target: Path) -> None:
    """Make `target` show `source`. Raises OSError."""
    _mount(source, target, None, MS_BIND, None)


def bind_read_only(source: str, target: Path) -> None:
    """As `bind`, and nothing may be written through `target`. Raises OSError; nothing is mounted then."""
    bind(source, target)
    try:
        _mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)
    except OSError:
        unmount(target)
        raise


def share(target: Path) -> None:
    """Have a mount point and its copies pass on to each other what is mounted below them. Raises OSError."""
    _mount("none", target, None, MS_REC | MS_SHARED, None)


def is_shared(path: Path) -> bool:
    """Whether the mount a path is in passes mounts on to its copies."""
    best, shared = "", False
    real = str(path.resolve())
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.split(" ")
            point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            # Of several mounts at one place the last is on top.
            if inside and len(point) >= len(best):
                best, shared = point, any(field.startswith("shared:") for field in fields[6 : fields.index("-")])
    return shared


def mount(source: str, target: Path, kind: str, *, options: str = "", readonly: bool = False) -> None:
    """Mount a file system. options: mount(8)'s general ones and what its kind understands, comma-separated.

    Raises OSError.
    """
    flags, rest = split_options(options)
    try:
        _mount(source, target, kind, flags | (MS_RDONLY if readonly else 0), rest or None)
    except OSError as error:
        if error.errno != errno.EINVAL or not options:
            raise
        text = f"{error.strerror} (or one of the mount options: {options})"
        raise OSError(error.errno, text, str(target)) from None


def split_options(options: str) -> tuple[int, str]:
    """mount(2)'s flags, and what is left for the file system itself. Of two that exclude each other the later holds."""
    flags, rest = 0, []
    for option in filter(None, options.split(",")):
        if option in _GENERAL:
            on, off = _GENERAL[option]
            flags = flags & ~off | on
        else:
            rest.append(option)
    return flags, ",".join(rest)


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    kind_bytes = None if kind is None else kind.encode()
    data = None if options is None else options.encode()
    if _libc.mount(os.fsencode(source), os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def unmount(target: Path) -> None:
    """Take a mount away now, even while it is in use. Raises OSError."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def mounts_under(directory: Path) -> list[Path]:
    """Mount points at or below a folder, the deepest first."""
    prefix = str(directory).rstrip("/")
    written = prefix.translate(_WRITTEN)
    found = []
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            if written not in line:
                continue
            point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split(" ", 5)[4])
            if point == prefix or point.startswith(prefix + "/"):
                found.append(Path(point))
    return found[::-1]


def unmount_under(directory: Path) -> None:
    """Take away every mount at or below a folder. Raises OSError when one stays: nothing below may be deleted then."""
    for point in mounts_under(directory):
        unmount(point)
    left = mounts_under(directory)
    if left:
        raise OSError(16, "still mounted", str(left[0]))


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted exactly here (bind mounts of the same file system included)."""
    return path in mounts_under(path)


def mount_point_of(device: Path) -> Path | None:
    """Any place where a block device's file system is mounted."""
    number = device.stat().st_rdev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.split(" ", 5)
            if fields[2] == wanted:
                return Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
    return None


def is_tmpfs(path: Path) -> bool:
    """Whether a path is kept in memory."""

    class Statfs(ctypes.Structure):
        _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_char * 256))

    result = Statfs()
    if _libc.statfs(os.fsencode(path), ctypes.byref(result)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return bool(result.f_type == _TMPFS_MAGIC)
