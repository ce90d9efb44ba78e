"""The folders an image declares with VOLUME: there, and writable, whatever else is.

What is written to them dies with the container, so they are folders of the root file system's own layer; where the root
is read-only, those folders are bound over themselves. What the image has there shows in both cases. Source of the
behaviour: containerd's CRI, which leaves out those that something is mounted at.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

import msgspec

from images.filesystem import open_in_root

from ..base import ContainerSpec, InvalidConfig, Mount

_FOLDER = os.O_PATH | os.O_DIRECTORY


def with_image_volumes(spec: ContainerSpec, volumes: Iterable[str], rootfs: Path, owner: int) -> ContainerSpec:
    """Make the folders, those missing as `owner`'s, in a mounted root file system. Raises InvalidConfig."""
    taken = {posixpath.normpath(mount.container_path) for mount in spec.mounts}
    paths = {posixpath.normpath("/" + path.lstrip("/")) for path in volumes} - taken - {"/"}
    if not paths:
        return spec
    root = os.open(rootfs, _FOLDER | os.O_CLOEXEC)
    try:
        places = {path: _folder(root, path.lstrip("/"), owner) for path in sorted(paths)}
    except OSError as error:
        raise InvalidConfig(f"container {spec.name!r}: cannot make its image's volume: {error}") from error
    finally:
        os.close(root)
    if not spec.security.readonly_root:
        return spec
    mounts = [Mount(host_path=place, container_path=path) for path, place in places.items()]
    return msgspec.structs.replace(spec, mounts=[*spec.mounts, *mounts])


def _folder(root: int, path: str, owner: int) -> str:
    """Where the folder is on the machine, made with its parents if need be; links stay inside the root."""
    try:
        descriptor = open_in_root(root, path, _FOLDER)
    except FileNotFoundError:
        head, name = os.path.split(path)
        if head:
            _folder(root, head, owner)
        outer = open_in_root(root, head, _FOLDER)
        try:
            os.mkdir(name, 0o755, dir_fd=outer)
            os.chown(name, owner, owner, dir_fd=outer, follow_symlinks=False)
        finally:
            os.close(outer)
        descriptor = open_in_root(root, path, _FOLDER)
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    finally:
        os.close(descriptor)
