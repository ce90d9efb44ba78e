"""Connecting to ports inside a pod's network namespace, from outside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from ..base import RuntimeFailure
from . import syscalls
from .threads import in_own_thread

_CONNECT_TIMEOUT = 10.0
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class ForwardedConnection:
    """A `Connection` to a process of the pod."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Send all of data, as fast as the peer takes it. Raises ConnectionError."""
        self._writer.write(data)
        await self._writer.drain()

    async def close_write(self) -> None:
        """Half-close."""
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def close(self) -> None:
        """Close both ways."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def connect(namespace: str, port: int, pod: str) -> ForwardedConnection:
    """Connect to the port on the namespace's loopback addresses; `""`: the kubelet's own. Raises RuntimeFailure."""
    try:
        connection = await in_own_thread(lambda: _connect(namespace, port))
    except OSError as error:
        raise RuntimeFailure(f"cannot connect to port {port} of pod {pod}: {error.strerror or error}") from error
    connection.setblocking(False)
    return ForwardedConnection(*await asyncio.open_connection(sock=connection))


def _connect(namespace: str, port: int) -> socket.socket:
    """A socket stays in the namespace it was made in, whoever uses it later."""
    if namespace:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.set_namespace(descriptor, syscalls.CLONE_NEWNET)
        finally:
            os.close(descriptor)
    refused: OSError | None = None
    for family, address in _LOOPBACKS:
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(_CONNECT_TIMEOUT)
        try:
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            refused = refused or error
        else:
            return connection
    raise refused or OSError("no loopback address")
