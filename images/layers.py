"""The unpacked layers: one folder each, shared read-only by every container on the machine.

A folder is named by a short form of the layer's diff id, so that the paths of very many layers still fit into the one
page of options mount(2) takes. A layer is removed only while no overlay mount of this machine names it.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from .blobs import HashingReader
from .errors import CorruptImage
from .unpack import unpack_layer

_MOUNTS = Path("/proc/self/mountinfo")
_NAME_BYTES = 16


def layer_name(diff_id: str) -> str:
    """The folder name for a diff id: 26 characters that stand for 128 of its bits."""
    raw = bytes.fromhex(diff_id.removeprefix("sha256:"))[:_NAME_BYTES]
    return base64.b32encode(raw).decode().rstrip("=").lower()


def unpack_verified(stream: BinaryIO, diff_id: str, directory: Path) -> None:
    """Unpack an uncompressed tar into an empty folder. Raises CorruptImage unless it is this diff id's."""
    directory.chmod(0o755)
    reader = HashingReader(stream)
    unpack_layer(cast(BinaryIO, reader), directory)
    digest = reader.drain()
    if digest != diff_id:
        raise CorruptImage(f"layer {diff_id} has the content of {digest}")


def topmost(layers: Sequence[Path]) -> tuple[Path, ...]:
    """Each layer once, where it is topmost: what is in it there hides what it was further down.

    overlayfs refuses a folder that is named twice, and images do have layers twice.
    """
    return tuple(reversed(dict.fromkeys(reversed(layers))))


class Layers:
    """The unpacked layers of one store."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._directory = root / "layers"
        self._lock = root / "layers.lock"
        self._scratch = scratch

    def create(self) -> None:
        """Make the folder."""
        self._directory.mkdir(exist_ok=True)

    def path(self, diff_id: str) -> Path:
        """Where the layer is, or would be."""
        return self._directory / layer_name(diff_id)

    def has(self, diff_id: str) -> bool:
        """Whether the layer is unpacked."""
        return self.path(diff_id).is_dir()

    def unpack(self, stream: BinaryIO, diff_id: str) -> None:
        """Unpack an uncompressed tar; it appears only whole. Raises CorruptImage unless it is this diff id's."""
        temporary = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            unpack_verified(stream, diff_id, temporary)
            temporary.rename(self.path(diff_id))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def adopt(self, folder: Path, diff_id: str) -> None:
        """Take over a folder that `unpack_verified` filled; one that is there already stays."""
        if not self.has(diff_id):
            folder.rename(self.path(diff_id))

    def mounted(self) -> set[Path]:
        """The layers some mount of this machine names."""
        mounts = _MOUNTS.read_text(errors="surrogateescape")
        return {layer for layer in self._directory.iterdir() if layer.name in mounts}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """No layer is removed meanwhile: for the moment between looking an image up and having it mounted."""
        with _locked(self._lock, fcntl.LOCK_SH):
            yield

    def remove_all_but(self, keep: set[str]) -> None:
        """Remove every layer that no diff id among these and no mount of this machine needs."""
        names = {layer_name(diff_id) for diff_id in keep}
        with _locked(self._lock, fcntl.LOCK_EX):
            mounted = _MOUNTS.read_text(errors="surrogateescape")
            doomed = []
            for layer in self._directory.iterdir():
                if layer.name not in names and layer.name not in mounted:
                    grave = Path(tempfile.mkdtemp(dir=self._scratch))
                    layer.rename(grave / "layer")
                    doomed.append(grave)
        for grave in doomed:
            shutil.rmtree(grave)


@contextlib.contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
