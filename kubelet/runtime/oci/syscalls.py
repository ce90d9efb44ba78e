"""The few Linux calls Python 3.11 lacks, raising OSError like the `os` module's own."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

CLONE_FS = 0x00000200
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000

_UMOUNT_DETACH = 0x2
_UMOUNT_NOFOLLOW = 0x8

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]


def mount(source: str | Path, target: str | Path, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(data))
    _check(result, str(target))


def unmount(target: str | Path) -> bool:
    """Detach what is mounted there, also when still in use; False when nothing is."""
    if _libc.umount2(os.fsencode(target), _UMOUNT_DETACH | _UMOUNT_NOFOLLOW) == 0:
        return True
    error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))
    # EINVAL: not a mount point. ENOENT: not even a file.
    if isinstance(error, FileNotFoundError) or error.errno == errno.EINVAL:
        return False
    raise error


def unshare(flags: int) -> None:
    """unshare(2), for the calling thread alone."""
    _check(_libc.unshare(flags), "unshare")


def set_namespace(descriptor: int, kind: int) -> None:
    """setns(2), for the calling thread alone."""
    _check(_libc.setns(descriptor, kind), "setns")


def _check(result: int, subject: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), subject)
