"""A folder whose whole content changes at once (upstream: pkg/volume/util, AtomicWriter).

DIR/..2024_05_01_12_00_00.123456789/a/b   the files
DIR/..data -> ..2024_…                    renamed into place: the moment of the change
DIR/a -> ..data/a                         what the container sees
"""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.payload import File, Payload

DATA = "..data"
DIRECTORY_MODE = 0o755


def write(directory: Path, payload: Payload, fs_group: int | None, now: float) -> bool:
    """Make the folder hold exactly `payload`; whether anything had to change.

    fs_group: the group that may read everything. A reader sees the old content or the new, never a mixture.
    """
    for path in payload:
        _check(path)
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / DATA
    current = _current(directory, link)
    if current is not None and _holds(current, payload):
        _link_visible(directory, payload)
        return False
    fresh = _write_fresh(directory, payload, fs_group, now)
    swap = directory / "..data_tmp"
    swap.unlink(missing_ok=True)
    swap.symlink_to(fresh.name)
    swap.rename(link)
    _link_visible(directory, payload)
    if current is not None and current != fresh:
        shutil.rmtree(current)
    return True


def _current(directory: Path, link: Path) -> Path | None:
    """The folder in force; None when there is none of ours: what somebody else's link shows is not to be touched."""
    if not link.is_symlink():
        return None
    target = link.readlink()
    folder = directory / target.name
    ours = str(target) == target.name and target.name.startswith("..") and target.name != ".."
    return folder if ours and folder.is_dir() and not folder.is_symlink() else None


def _check(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise VolumeFailure(f"invalid path {path!r}: must be relative and must not contain '..'")


def _holds(directory: Path, payload: Payload) -> bool:
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}
    if present != {str(PurePosixPath(path)) for path in payload}:
        return False
    return all((directory / path).read_bytes() == file.data for path, file in payload.items())


def _write_fresh(directory: Path, payload: Payload, fs_group: int | None, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("..%Y_%m_%d_%H_%M_%S")
    fresh = directory / f"{stamp}.{secrets.randbelow(10**9):09d}"
    fresh.mkdir()
    fresh.chmod(DIRECTORY_MODE)
    for path, file in payload.items():
        _write_file(fresh, fresh / path, file)
    if fs_group is not None:
        own_by_group(fresh, fs_group, writable=False)
        own_by_group(directory, fs_group, writable=False, recursive=False)
    return fresh


def _write_file(root: Path, path: Path, file: File) -> None:
    for parent in reversed(path.relative_to(root).parents[:-1]):
        (root / parent).mkdir(exist_ok=True)
        (root / parent).chmod(DIRECTORY_MODE)
    path.write_bytes(file.data)
    path.chmod(file.mode)
    if file.uid is not None:
        os.chown(path, file.uid, -1)


def _link_visible(directory: Path, payload: Payload) -> None:
    wanted = {PurePosixPath(path).parts[0] for path in payload}
    for name in wanted:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
    for entry in directory.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()


def own_by_group(root: Path, group: int, *, writable: bool, recursive: bool = True) -> None:
    """Give a tree to a group: readable (and writable), folders set-group-id (upstream: SetVolumeOwnership)."""
    entries = [root, *root.rglob("*")] if recursive else [root]
    for path in entries:
        os.chown(path, -1, group, follow_symlinks=False)
        if path.is_symlink():
            continue
        mode = path.stat().st_mode | (0o660 if writable else 0o440)
        if path.is_dir():
            mode |= 0o2110
        path.chmod(mode & 0o7777)
