"""The node's one port: gRPC for the cluster's own processes, HTTPS for everybody else's tools.

Upstream's kubelet speaks HTTPS on 10250, and Prometheus, metrics-server and `kubectl get --raw` ask it there. Which of
the two a client means, its first message says: clients of gRPC offer HTTP/2 alone. Theirs is passed on as it is to the
gRPC server, which listens where only this process can tell; TLS is between the client and whoever answers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from cluster.logs import get_logger
from kubelet.server.client_hello import MAX_BYTES, NotTls, offered

HELLO_SECONDS = 10.0
PEEK_PAUSE_SECONDS = 0.05
COPY_BYTES = 64 * 1024
BACKLOG = 128

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

log = get_logger()


class Front:
    """`grpc` is the address of the gRPC server's socket; `handler` serves an HTTPS connection to its end."""

    def __init__(self, grpc: str, context: ssl.SSLContext, handler: Handler) -> None:
        self._grpc = grpc
        self._context = context
        self._handler = handler
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, found where 0 was asked for. Raises OSError when the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        self._spawn(self._accept(listener), "front")
        bound: int = listener.getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and hang up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._listener is not None:
            self._listener.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, _ = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, or a client gone in the moment: others are waiting.
                log.warning("could not accept a connection", reason=error.strerror)
                await asyncio.sleep(PEEK_PAUSE_SECONDS)
                continue
            self._spawn(self._serve(peer), "front-connection")

    async def _serve(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                protocols = await _first_message(peer)
            if protocols and b"http/1.1" not in protocols:
                await self._pass_on(peer)
            else:
                await self._https(peer)
        except (NotTls, OSError, TimeoutError):
            pass  # the peer went away or does not speak TLS: nothing to tell it
        finally:
            peer.close()

    async def _https(self, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, peer, ssl=self._context, ssl_handshake_timeout=HELLO_SECONDS
        )
        await self._handler(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def _pass_on(self, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as inner:
            inner.setblocking(False)
            await loop.sock_connect(inner, self._grpc)
            copies = [asyncio.ensure_future(_copy(peer, inner)), asyncio.ensure_future(_copy(inner, peer))]
            try:
                await asyncio.wait(copies)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.wait(copies)


async def _first_message(peer: socket.socket) -> list[bytes]:
    """What the client offers; its bytes stay to be read. Raises NotTls, OSError."""
    loop = asyncio.get_running_loop()
    while True:
        readable = asyncio.Event()
        loop.add_reader(peer.fileno(), readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(peer.fileno())
        data = peer.recv(MAX_BYTES, socket.MSG_PEEK)
        if not data:
            raise NotTls
        found = offered(data)
        if found is not None:
            return found
        # What was peeked at keeps the socket readable: only time tells of more.
        await asyncio.sleep(PEEK_PAUSE_SECONDS)


async def _copy(source: socket.socket, target: socket.socket) -> None:
    """All of one direction, its end too."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await loop.sock_recv(source, COPY_BYTES):
            await loop.sock_sendall(target, data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
