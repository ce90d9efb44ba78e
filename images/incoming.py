"""A private folder for what arrives slowly (a pull, a build), beside the store and on its file system.

It needs no turn at the store's lock while it fills. Its owner holds a lock on it; whatever an ended owner left is
removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .layers import layer_name


class Incoming:
    """Blobs and unpacked layers that may become the store's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = directory / "blobs"
        self.layers = directory / "layers"
        for each in (self.blobs, self.layers):
            each.mkdir()

    def blob(self, digest: str) -> Path:
        """Where the blob of this digest is, or would be."""
        return self.blobs / digest.removeprefix("sha256:")

    def layer(self, diff_id: str) -> Path:
        """Where the unpacked layer is, or would be."""
        return self.layers / layer_name(diff_id)


def create(parent: Path) -> tuple[Path, int]:
    """A new folder and the descriptor that locks it. To be called by one process at a time (the store's lock)."""
    parent.mkdir(exist_ok=True, mode=0o700)
    for old in parent.iterdir():
        if is_left(old):
            shutil.rmtree(old, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(dir=parent))
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return directory, descriptor


@contextlib.contextmanager
def opened(directory: Path, descriptor: int) -> Iterator[Incoming]:
    """Use a folder of `create` and remove it afterwards."""
    try:
        yield Incoming(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def is_left(directory: Path) -> bool:
    """Whether the process that a folder was made for has ended without removing it."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
