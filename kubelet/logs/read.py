"""Reading a container's log, across rotated files and, when asked, as it grows."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kubelet.logs import files
from kubelet.logs.cri import Format, Formatter, last_lines, lines
from kubelet.logs.inotify import FolderWatch

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What of a log is wanted. tail: None for all. limit: of the bytes shown."""

    format: Format = field(default_factory=Format)
    follow: bool = False
    tail: int | None = None
    limit: int | None = None


async def read_log(
    log: Path, options: LogOptions, ended: Callable[[], bool], wait_ended: Callable[[], asyncio.Task[None]]
) -> AsyncIterator[bytes]:
    """The log's text, in pieces.

    Following ends with the container: `ended` says whether it has, `wait_ended` makes a task that ends when it does.
    """
    left = options.limit
    async for piece in _pieces(log, options, ended, wait_ended):
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        if piece:
            yield piece
        if left == 0:
            return


async def _pieces(
    log: Path, options: LogOptions, ended: Callable[[], bool], wait_ended: Callable[[], asyncio.Task[None]]
) -> AsyncIterator[bytes]:
    formatter = Formatter(options.format)
    live = _open(log)
    try:
        older = files.rotated(log)
        size = os.fstat(live.fileno()).st_size if live is not None else 0
        offset, older_parts = _begin(log if live is not None else None, older, size, options.tail)
        for path, start in older_parts:
            for piece in _show(_skip(files.read_blocks(path), start), formatter):
                yield piece
                await asyncio.sleep(0)
    except BaseException:
        if live is not None:
            live.close()
        raise
    tail = _Tail(log, live, offset, formatter)
    try:
        if options.follow:
            async for piece in _follow(tail, log.parent, ended, wait_ended):
                yield piece
        else:
            for piece in tail.read():
                yield piece
    finally:
        tail.close()


def _begin(live: Path | None, older: list[Path], size: int, tail: int | None) -> tuple[int, list[tuple[Path, int]]]:
    """Where to begin: the offset in the live file, and (path, offset) of the rotated files to show before it."""
    if tail is None:
        return 0, [(path, 0) for path in older]
    if live is not None:
        distance = last_lines(files.read_blocks_backwards(live), tail)
        if distance < size or not older:
            return size - min(distance, size), []
        tail -= _count_lines(files.read_blocks(live))
    parts: list[tuple[Path, int]] = []
    for path in reversed(older):
        if tail <= 0:
            break
        total = _count_lines(files.read_blocks(path))
        parts.insert(0, (path, _offset_of_line(path, max(total - tail, 0))))
        tail -= total
    return 0, parts


def _count_lines(blocks: Iterator[bytes]) -> int:
    return sum(block.count(b"\n") for block in blocks)


def _offset_of_line(path: Path, number: int) -> int:
    """Where line `number` (from 0) of a file begins."""
    position = 0
    for block in files.read_blocks(path):
        count = block.count(b"\n")
        if count < number:
            number, position = number - count, position + len(block)
            continue
        at = 0
        for _ in range(number):
            at = block.index(b"\n", at) + 1
        return position + at
    return position


def _skip(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        if count >= len(block):
            count -= len(block)
            continue
        yield block[count:]
        count = 0


def _show(blocks: Iterator[bytes], formatter: Formatter) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        whole, rest = lines(block, rest)
        text = b"".join(formatter.show(line) for line in whole)
        if text:
            yield text


def _open(log: Path) -> BinaryIO | None:
    try:
        return log.open("rb")
    except FileNotFoundError:
        return None


class _Tail:
    """The live file from an offset on; continues in its successor when it was rotated away."""

    def __init__(self, log: Path, stream: BinaryIO | None, offset: int, formatter: Formatter) -> None:
        self._log = log
        self._stream = stream
        self._formatter = formatter
        self._rest = b""
        if stream is not None:
            stream.seek(offset)

    def read(self) -> Iterator[bytes]:
        """What there is now."""
        if self._stream is None:
            self._stream = _open(self._log)
        while self._stream is not None:
            # Asked before reading: what was written before the renaming is then surely read.
            successor = self._successor()
            while data := self._stream.read(CHUNK_BYTES):
                whole, self._rest = lines(data, self._rest)
                if text := b"".join(self._formatter.show(line) for line in whole):
                    yield text
            if successor is None:
                return
            self._stream.close()
            self._stream = successor

    def _successor(self) -> BinaryIO | None:
        """The new live file, when the one being read is not it any more."""
        new = _open(self._log)
        if new is None or self._stream is None:
            return None
        if os.path.sameopenfile(new.fileno(), self._stream.fileno()):
            new.close()
            return None
        return new

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


async def _follow(
    tail: _Tail, folder: Path, ended: Callable[[], bool], wait_ended: Callable[[], asyncio.Task[None]]
) -> AsyncIterator[bytes]:
    end = wait_ended()
    try:
        with FolderWatch(folder) as watch:
            while True:
                # Asked before reading, so that nothing written before the end is missed.
                over = ended()
                for piece in tail.read():
                    yield piece
                if over:
                    return
                change = asyncio.ensure_future(watch.changed())
                try:
                    await asyncio.wait([change, end], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    change.cancel()
    finally:
        end.cancel()


def last_output(log: Path, max_bytes: int, max_lines: int) -> str:
    """The end of a log as text, for a termination message (upstream: FallbackToLogsOnError)."""
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return ""
    start = size - min(last_lines(files.read_blocks_backwards(log), max_lines), size)
    formatter = Formatter(Format())
    text = b"".join(_show(_skip(files.read_blocks(log), start), formatter))
    return text[-max_bytes:].decode("utf-8", "replace")


def compress(path: Path) -> None:
    """Replace a rotated file by its gzip form."""
    packed = path.with_name(path.name + ".gz")
    temporary = path.with_name(packed.name + ".tmp")
    with gzip.open(temporary, "wb") as stream:
        for block in files.read_blocks(path):
            stream.write(block)
    temporary.rename(packed)
    path.unlink()
