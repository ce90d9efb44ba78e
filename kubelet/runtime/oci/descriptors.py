"""Waiting on file descriptors: pipes, terminals, sockets and process descriptors, without threads.

Descriptors given to these functions are non-blocking. One reader and one writer at a time.
"""

from __future__ import annotations

import asyncio
import errno
import os


async def wait_readable(descriptor: int) -> None:
    """Return once there is something to read, or the other end is closed."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


async def wait_writable(descriptor: int) -> None:
    """Return once there is room to write, or the other end is closed."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, _set, ready)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


async def read(descriptor: int, size: int) -> bytes:
    """Up to size bytes as soon as there are any; empty at the end (of a terminal: when its last user has gone)."""
    while True:
        try:
            return os.read(descriptor, size)
        except BlockingIOError:
            await wait_readable(descriptor)
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise


async def write_all(descriptor: int, data: bytes) -> bool:
    """Write all of it; False when the other end is closed."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            await wait_writable(descriptor)
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EIO, errno.ECONNRESET):
                return False
            raise
    return True


class DescriptorReader:
    """The reading end of a pipe or terminal; closing is its owner's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def read(self, n: int = -1, /) -> bytes:
        """Up to n bytes, 64 KiB when n is negative."""
        return await read(self._descriptor, n if n >= 0 else 65536)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
