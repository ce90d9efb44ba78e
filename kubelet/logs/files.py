"""The files of one container run: `3.log`, and what was rotated away: `3.log.20240501-120000[.gz]`."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 64 * 1024
ROTATED_FORMAT = "%Y%m%d-%H%M%S"


def rotated(log: Path) -> list[Path]:
    """The rotated files of a log, oldest first."""
    if not log.parent.is_dir():
        return []
    prefix = f"{log.name}."
    found = [path for path in log.parent.iterdir() if path.name.startswith(prefix) and not path.name.endswith(".tmp")]
    return sorted(found, key=lambda path: path.name.removesuffix(".gz"))


def remove(log: Path) -> None:
    """Delete a log with all that was rotated away."""
    for path in (*rotated(log), log):
        path.unlink(missing_ok=True)


def read_blocks(path: Path) -> Iterator[bytes]:
    """A file's content from its beginning, unpacked."""
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
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
