"""Waiting on file descriptors: pipes, terminals, sockets and process descriptors, without threads."""

from __future__ import annotations

import asyncio
import errno
import os

_CHUNK = 65536
_CLOSED_BY_PEER = (errno.EPIPE, errno.EIO, errno.ECONNRESET)


class Descriptor:
    """Owns a descriptor. One task may read and one may write at a time; closing wakes both."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        os.set_blocking(number, False)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._number < 0

    def fileno(self) -> int:
        """The number, -1 when closed."""
        return self._number

    async def readable(self) -> None:
        """Return once there is something to read, the other end is closed, or this one is."""
        if self.closed:
            return
        self._reader = self._loop.create_future()
        self._loop.add_reader(self._number, _set, self._reader)
        try:
            await self._reader
        finally:
            self._reader = None
            if not self.closed:
                self._loop.remove_reader(self._number)

    async def writable(self) -> None:
        """Return once there is room to write, the other end is closed, or this one is."""
        if self.closed:
            return
        self._writer = self._loop.create_future()
        self._loop.add_writer(self._number, _set, self._writer)
        try:
            await self._writer
        finally:
            self._writer = None
            if not self.closed:
                self._loop.remove_writer(self._number)

    async def read(self, n: int = -1, /) -> bytes:
        """Up to n bytes as soon as there are any; empty at the end (of a terminal: when its last user has gone)."""
        while not self.closed:
            try:
                return os.read(self._number, n if n >= 0 else _CHUNK)
            except BlockingIOError:
                await self.readable()
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return b""
        return b""

    async def write_all(self, data: bytes) -> None:
        """Write all of it; what the other end does not take any more is dropped."""
        view = memoryview(data)
        while view and not self.closed:
            try:
                view = view[os.write(self._number, view) :]
            except BlockingIOError:
                await self.writable()
            except OSError as error:
                if error.errno not in _CLOSED_BY_PEER:
                    raise
                return

    def close(self) -> None:
        """Close it, once."""
        if self.closed:
            return
        self._loop.remove_reader(self._number)
        self._loop.remove_writer(self._number)
        for waiting in (self._reader, self._writer):
            if waiting is not None:
                _set(waiting)
        os.close(self._number)
        self._number = -1


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
