"""`subPath`: part of a volume as a mount of its own, safe against symbolic links made by the pod.

The path is resolved, must stay inside the volume, is then walked without following links and bind-mounted by the
opened file, so that nobody can exchange it in between (upstream: pkg/volume/util/subpath).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from cluster import kernel_mounts


class SubpathFailure(Exception):
    """The sub-path cannot be used. The text says why."""


def prepare(volume: Path, subpath: str, target: Path) -> Path:
    """Bind `subpath` of `volume` to `target` and return it; a missing folder is made. Raises SubpathFailure."""
    if not subpath:
        return volume
    try:
        descriptor = _open_inside(volume, subpath)
        try:
            if not _shows(target, descriptor):
                _make_target(target, is_directory=stat.S_ISDIR(os.fstat(descriptor).st_mode))
                kernel_mounts.bind(f"/proc/self/fd/{descriptor}", target)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SubpathFailure(f'failed to prepare subPath "{subpath}": {error.strerror}') from error
    return target


def _shows(target: Path, descriptor: int) -> bool:
    """Whether the sub-path is mounted already; another one mounted there is taken away.

    A file of a ConfigMap that has changed since is deleted, and could not be given to another container.
    """
    if not kernel_mounts.is_mount_point(target):
        return False
    if os.path.samestat(target.stat(), os.fstat(descriptor)):
        return True
    kernel_mounts.unmount(target)
    return False


def _open_inside(volume: Path, subpath: str) -> int:
    """A descriptor of the sub-path, made by walking down from the volume without following links."""
    if subpath.startswith("/") or ".." in PurePosixPath(subpath).parts:
        raise SubpathFailure(f'subPath "{subpath}" must be relative and must not contain ".."')
    base = volume.resolve(strict=True)
    try:
        real = (base / subpath).resolve()
    except RuntimeError:
        raise SubpathFailure(f'subPath "{subpath}" leads through a loop of symbolic links') from None
    if real != base and base not in real.parents:
        raise SubpathFailure(f'subPath "{subpath}" leads out of the volume')
    parts = real.relative_to(base).parts
    descriptor = os.open(base, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in parts:
            below = _open_part(descriptor, part)
            os.close(descriptor)
            descriptor = below
    except (OSError, SubpathFailure):
        os.close(descriptor)
        raise
    return descriptor


def _open_part(directory: int, name: str) -> int:
    flags = os.O_PATH | os.O_NOFOLLOW
    made = False
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        os.mkdir(name, 0o750, dir_fd=directory)
        made = True
        descriptor = os.open(name, flags, dir_fd=directory)
    if stat.S_ISLNK(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SubpathFailure(f'"{name}" became a symbolic link while it was being opened')
    if made:
        _open_up(descriptor, os.fstat(directory))
    return descriptor


def _open_up(made: int, owner: os.stat_result) -> None:
    """Give a folder the rights of the one it is in, whatever our umask: who may write there may write here."""
    place = Path(f"/proc/self/fd/{made}")
    if owner.st_mode & stat.S_ISGID:
        os.chown(place, -1, owner.st_gid)
    place.chmod(0o750 | stat.S_IMODE(owner.st_mode))


def _make_target(target: Path, *, is_directory: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.is_dir() != is_directory:
        target.rmdir() if target.is_dir() else target.unlink()
    if is_directory:
        target.mkdir(exist_ok=True)
    else:
        target.touch()
