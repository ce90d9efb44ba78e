"""A container's root file system: the image's layers, shared and read-only, below a layer of its own."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ...removal import remove_tree
from . import syscalls
from .threads import run_alone

_MAX_OPTIONS = 4095


def mount_rootfs(target: Path, own: Path, layers: Sequence[Path]) -> None:
    """Mount the layers (lowest first) with `own`'s folders for what is written. Raises OSError."""
    if not layers:
        raise OSError("the image has no layers")
    upper, work = own / "upper", own / "work"
    for directory in (upper, work, target):
        directory.mkdir(parents=True)
    # The merged root shows the attributes of the folder on top, which is ours.
    top = layers[-1].stat()
    upper.chmod(stat.S_IMODE(top.st_mode))
    os.chown(upper, top.st_uid, top.st_gid)
    options = _options([str(layer) for layer in layers], upper, work)
    if len(options) <= _MAX_OPTIONS:
        syscalls.mount("overlay", target, "overlay", 0, options)
        return
    # mount(2) takes one page of options; very many layers fit when named relative to their common folder.
    common = layers[0].parent

    def mount() -> None:
        syscalls.unshare(syscalls.CLONE_FS)
        os.chdir(common)
        relative = [os.path.relpath(layer, common) for layer in layers]
        syscalls.mount("overlay", target, "overlay", 0, _options(relative, upper, work))

    run_alone(mount)


def unmount_rootfs(target: Path) -> None:
    """Take the mount away; what was written stays. Raises OSError."""
    syscalls.unmount(target)


def unmount_bundle(bundle: Path) -> None:
    """Take away everything mounted in a bundle. Raises OSError."""
    unmount_rootfs(bundle / "rootfs")
    for kind in ("mounts", "layers"):
        directory = bundle / kind
        for place in directory.iterdir() if directory.is_dir() else ():
            syscalls.unmount(place)


def remove_written(own: Path) -> None:
    """Delete what the container wrote."""
    for name in ("upper", "work"):
        with contextlib.suppress(OSError):
            remove_tree(own / name)


def _options(layers: Sequence[str], upper: Path, work: Path) -> str:
    """`volatile`: what a container wrote dies with it, so unmounting need not force the disk to catch up."""
    lower = ":".join(_escape(layer).replace(":", "\\:") for layer in reversed(layers))
    return f"volatile,lowerdir={lower},upperdir={_escape(str(upper))},workdir={_escape(str(work))}"


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,")
