"""Layers that builds made and may use again, by the inputs they were made of; the store keeps them as long.

A build's layers are kept uncompressed, so one digest names both the blob and the unpacked layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class CacheEntry(msgspec.Struct, frozen=True):
    """A layer; without a digest, the step left no trace."""

    digest: str = ""
    size: int = 0


class BuildCache:
    """One file for each set of inputs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, key: str) -> CacheEntry | None:
        """What was made of these inputs, as far as is remembered."""
        try:
            return msgspec.json.decode((self._directory / key).read_bytes(), type=CacheEntry)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def touch(self, key: str) -> None:
        """It was used."""
        os.utime(self._directory / key)

    def write(self, key: str, entry: CacheEntry, scratch: Path) -> None:
        """Remember. `scratch`: a folder of the same file system."""
        self._directory.mkdir(exist_ok=True, mode=0o700)
        temporary = scratch / key
        temporary.write_bytes(msgspec.json.encode(entry))
        temporary.rename(self._directory / key)

    def digests(self) -> set[str]:
        """Every layer remembered."""
        entries = (self.read(file.name) for file in self._files())
        return {entry.digest for entry in entries if entry is not None and entry.digest}

    def expire(self, oldest: float) -> None:
        """Forget what was last used before this time (seconds since the epoch)."""
        for file in self._files():
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        if self._directory.is_dir():
            yield from list(self._directory.iterdir())
