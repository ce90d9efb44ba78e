"""The files of one container run: `3.log`, and what was rotated away: `3.log.20240501-120000[.gz]`."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 64 * 1024
ROTATED_FORMAT = "%Y%m%d-%H%M%S"


def rotated(log: Path) -> list[Path]:
    """The rotated files of a log, oldest first."""
    if not log.parent.is_dir():
        return []
    prefix = f"{log.name}."
    found = {path.name for path in log.parent.iterdir() if path.name.startswith(prefix)}
    # While one is being packed it is there in both forms.
    whole = (name for name in found if not name.endswith(".tmp") and name.removesuffix(".gz") not in found - {name})
    return [log.with_name(name) for name in sorted(whole, key=lambda name: name.removesuffix(".gz"))]


def is_rotated(target: Path) -> bool:
    """Whether a log was rotated to this name, packed by now or not."""
    return target.exists() or _packed(target).exists()


def remove(log: Path) -> None:
    """Delete a log with all that was rotated away."""
    for path in (*rotated(log), log):
        path.unlink(missing_ok=True)
        _packed(path).unlink(missing_ok=True)


def read_blocks(path: Path) -> Iterator[bytes]:
    """A file's content from its beginning, unpacked; nothing when it is gone.

    A rotated file is packed, or deleted as the oldest, while somebody reads the log.
    """
    stream = _open(path)
    if stream is None:
        return
    with stream:
        while block := stream.read(BLOCK_BYTES):
            yield block


def read_blocks_backwards(path: Path) -> Iterator[bytes]:
    """A plain file's content from its end."""
    with path.open("rb") as stream:
        position = stream.seek(0, 2)
        while position > 0:
            size = min(BLOCK_BYTES, position)
            position -= size
            stream.seek(position)
            yield stream.read(size)


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _open(path: Path) -> BinaryIO | gzip.GzipFile | None:
    for form in (path, _packed(path)):
        with contextlib.suppress(FileNotFoundError):
            return gzip.open(form) if form.name.endswith(".gz") else form.open("rb")
    return None
