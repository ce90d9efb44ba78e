"""Gives back memory that only starting up needed.

Importing and connecting run through code and tables of libraries (gRPC's alone are 12 MB) that are hardly touched
again. The kernel keeps them mapped until memory is short; told that they are not needed, it maps back just what is.
"""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

MADV_DONTNEED = 4

_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ +(/.*)")


def trim() -> None:
    """Give back free heap and the unmodified, unwritable pages of mapped files."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in _clean_mappings(Path("/proc/self/smaps").read_text()):
        libc.madvise(start, end - start, MADV_DONTNEED)


def _clean_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """Address ranges of files' pages that this process neither has changed nor can change."""
    candidate: tuple[int, int] | None = None
    for line in smaps.splitlines():
        mapping = _MAPPING.fullmatch(line)
        if mapping:
            writable = "w" in mapping[3]
            candidate = None if writable else (int(mapping[1], 16), int(mapping[2], 16))
        elif line.startswith("Anonymous:") and candidate is not None:
            if line.split()[1] == "0":
                yield candidate
            candidate = None
