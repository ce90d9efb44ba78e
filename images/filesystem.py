"""File system calls that Python lacks, raising OSError as the `os` module's do."""

from __future__ import annotations

import ctypes
import errno
import os

_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_ATTEMPTS = 16

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_in_root(root: int, path: str, flags: int) -> int:
    """Open an existing path as a process whose root is the folder open as `root` would; the new descriptor.

    Absolute links and `..` are resolved inside that root by the kernel (openat2(2), Linux 5.6).
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    encoded = os.fsencode(path) or b"."
    for _ in range(_ATTEMPTS):
        descriptor: int = _libc.syscall(_OPENAT2, root, encoded, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        # The kernel gives up when something was renamed meanwhile and asks to try again.
        if code != errno.EAGAIN:
            raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def sync(descriptor: int) -> None:
    """Have everything written to the file system of an open file reach the disk."""
    if _libc.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
