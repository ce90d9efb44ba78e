"""Being connected to a container's own stdio, through its conmon's attach socket.

The socket keeps message borders: what arrives is one byte for the stream (2: stdout, 3: stderr) and data; what is sent
goes to the container's stdin as it is. Source: conmon 2.1's protocol, as its clients CRI-O and Podman speak it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from ..base import ContainerSpec, ContainerStatus, NotRunning
from . import conmon
from .descriptors import Descriptor

_STDERR = 3
_MESSAGE = 8192
_LARGEST = 32768
_MAX_WAITING = 1 << 20


class AttachSession:
    """A `Session` with the container's own process. What arrives before it is read waits in the socket."""

    def __init__(self, bundle: Path, connection: Descriptor, spec: ContainerSpec, stdin: bool) -> None:
        self._bundle = bundle
        self._connection = connection
        self._terminal = spec.tty
        self._stdin = stdin and spec.stdin
        self._input_ends_with_session = spec.stdin_once
        self._demultiplexer = _Demultiplexer(connection)
        self.stdout = _StreamReader(self._demultiplexer, errors=False)
        self.stderr = None if spec.tty else _StreamReader(self._demultiplexer, errors=True)

    async def write_stdin(self, data: bytes) -> None:
        """Pass data on, unless attached without input or the container has ended."""
        for start in range(0, len(data) if self._stdin else 0, _MESSAGE):
            await self._connection.write_all(data[start : start + _MESSAGE])

    async def close_stdin(self) -> None:
        """End of input, which conmon passes on where the container asked for `stdinOnce`.

        Where it did not, the container's input stays open for the next session and this one is over, as containerd and
        CRI-O have it: else `kubectl run --stdin --leave-stdin-open` with a file for its input would never return.
        """
        if self._stdin and not self._connection.closed:
            self._stdin = False
            with socket.socket(fileno=os.dup(self._connection.fileno())) as connection, contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            if not self._input_ends_with_session:
                self._demultiplexer.end()

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size."""
        if self._terminal:
            with contextlib.suppress(OSError):
                conmon.resize(self._bundle, width, height)

    async def wait(self) -> int:
        """0, once the container or the session ended; somebody must be reading to notice that the container has."""
        await self._demultiplexer.ended.wait()
        return 0

    async def kill(self) -> None:
        """Only detach."""
        await self.close()

    async def close(self) -> None:
        """Detach."""
        self._connection.close()
        self._demultiplexer.end()


def attach(bundle: Path, status: ContainerStatus, stdin: bool) -> AttachSession:
    """Connect to a running container. Raises NotRunning."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    # Through the descriptor, since the folder's path may be longer than a socket address can be.
    directory = os.open(bundle, os.O_PATH | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{directory}/attach")
    except OSError as error:
        connection.close()
        raise NotRunning(f"cannot attach to container {status.spec.name!r}: {error.strerror}") from error
    finally:
        os.close(directory)
    return AttachSession(bundle, Descriptor(connection.detach()), status.spec, stdin)


class _Demultiplexer:
    """Sorts messages to two streams. One that nobody reads holds the other up once much of it waits."""

    def __init__(self, connection: Descriptor) -> None:
        self._connection = connection
        self._waiting: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._receiving = asyncio.Lock()
        self._taken = asyncio.Event()
        self.ended = asyncio.Event()

    def end(self) -> None:
        """No more is received."""
        self.ended.set()
        self._taken.set()

    async def take(self, errors: bool, size: int) -> bytes:
        """Up to size bytes of one stream; empty at the end."""
        buffer = self._waiting[errors]
        while not buffer and not self.ended.is_set():
            async with self._receiving:
                if not buffer:
                    await self._receive()
        data = bytes(buffer[:size])
        del buffer[:size]
        self._taken.set()
        return data

    async def _receive(self) -> None:
        while max(map(len, self._waiting)) > _MAX_WAITING and not self.ended.is_set():
            self._taken.clear()
            await self._taken.wait()
        try:
            message = await self._connection.read(_LARGEST)
        except ConnectionResetError:
            message = b""
        if message:
            self._waiting[message[0] == _STDERR].extend(message[1:])
        else:
            self.end()


class _StreamReader:
    def __init__(self, demultiplexer: _Demultiplexer, errors: bool) -> None:
        self._demultiplexer = demultiplexer
        self._errors = errors

    async def read(self, n: int = -1, /) -> bytes:
        return await self._demultiplexer.take(self._errors, n if n >= 0 else _LARGEST)
