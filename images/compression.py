"""Reading what may be compressed: by its first bytes, whatever it is called."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from .errors import CorruptImage, UnsupportedImage

_GZIP, _XZ, _ZSTD, _BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"BZh"

MALFORMED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What reading a damaged compressed stream raises."""


def is_compressed(file: Path) -> bool:
    """Whether it is compressed in a way this module knows."""
    with file.open("rb") as stream:
        return stream.read(6).startswith((_GZIP, _XZ, _ZSTD, _BZIP2))


@contextlib.contextmanager
def open_decompressed(file: Path) -> Iterator[BinaryIO]:
    """The content of a file, decompressed if it needs to be. Reading may raise the decompressors' errors."""
    with file.open("rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        if magic.startswith(_ZSTD):
            with _zstd(stream, file) as plain:
                yield plain
        elif magic.startswith(_GZIP):
            with gzip.GzipFile(fileobj=stream) as inflated:
                yield cast(BinaryIO, inflated)
        elif magic.startswith(_XZ):
            with lzma.LZMAFile(stream) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif magic.startswith(_BZIP2):
            with bz2.BZ2File(stream) as expanded:
                yield cast(BinaryIO, expanded)
        else:
            yield stream


@contextlib.contextmanager
def _zstd(stream: BinaryIO, file: Path) -> Iterator[BinaryIO]:
    """Python 3.11 has no zstd of its own; the `zstd` command has."""
    command = shutil.which("zstd")
    if command is None:
        raise UnsupportedImage(f"{file.name} is compressed with zstd: install it (apt-get install zstd) and retry")
    # The child reads from where the descriptor stands, which is past what was buffered here.
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    with subprocess.Popen([command, "-dcq"], stdin=stream, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        try:
            yield cast(BinaryIO, process.stdout)
            if process.stdout.read(1):
                process.kill()
                return
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            raise CorruptImage(f"{file.name} is not whole: zstd could not decompress it")
