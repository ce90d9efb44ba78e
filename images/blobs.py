"""Content-addressed files: `blobs/sha256/HEX`, as in an OCI image layout.

A blob appears whole or not at all: it is written beside and renamed. Its name is its digest, checked on the way in.
Whoever gives a name to what they hold sees to it that they are on disk by then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import CorruptImage, NoSuchImage

_CHUNK = 1 << 20


class HashingReader:
    """Passes a stream through and hashes what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As the stream's own."""
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def drain(self) -> str:
        """Read the rest; the digest of everything."""
        while self.read(_CHUNK):
            pass
        return "sha256:" + self._hash.hexdigest()


class HashingWriter:
    """Passes a stream through and hashes what was written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """As the stream's own."""
        self._hash.update(data)
        return self._stream.write(data)

    @property
    def digest(self) -> str:
        """The digest of everything so far."""
        return "sha256:" + self._hash.hexdigest()


class Blobs:
    """The blobs of one store. `scratch` is a folder of the same file system for what is not whole yet."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._directory = root / "blobs" / "sha256"
        self._scratch = scratch

    def create(self) -> None:
        """Make the folder."""
        self._directory.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob of this digest is, or would be."""
        return self._directory / digest.removeprefix("sha256:")

    def read(self, digest: str) -> bytes:
        """A small blob, whole. Raises NoSuchImage when it is missing."""
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NoSuchImage(f"the image store has lost blob {digest}; load its image again") from error

    def put(self, data: bytes) -> str:
        """Store a small blob; its digest."""
        with self.writer() as writer:
            writer.write(data)
        return writer.digest

    def copy(self, stream: BinaryIO, expected: str = "", what: str = "blob") -> str:
        """Store a stream; its digest. Raises CorruptImage when it is not the expected one."""
        with self.writer(expected, what) as writer:
            while chunk := stream.read(_CHUNK):
                writer.write(chunk)
        return writer.digest

    @contextlib.contextmanager
    def writer(self, expected: str = "", what: str = "blob") -> Iterator[HashingWriter]:
        """Write a blob; it is kept when the block ends well and its digest is the expected one, if given."""
        descriptor, name = tempfile.mkstemp(dir=self._scratch)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb", buffering=_CHUNK) as stream:
                writer = HashingWriter(stream)
                yield writer
                if expected and writer.digest != expected:
                    raise CorruptImage(f"{what} should have digest {expected} but has {writer.digest}")
            temporary.rename(self.path(writer.digest))
        finally:
            temporary.unlink(missing_ok=True)

    def remove_all_but(self, keep: set[str]) -> None:
        """Forget every blob whose digest is not among these."""
        for file in self._directory.iterdir():
            if f"sha256:{file.name}" not in keep:
                file.unlink()
