"""The HTTPS listener: TLS with the cluster's authority, aiohttp's low-level server, orderly start and stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from apiserver.rest.bodies import MAX_BODY_BYTES
from apiserver.rest.connections import Connections, ConnectionServer
from apiserver.rest.door import Door

MAX_LINE_BYTES: Final = 64 * 1024
HANDSHAKE_SECONDS: Final = 10.0
DRAIN_SECONDS: Final = 5.0
BACKLOG: Final = 1024
# A peer that vanished without a word is noticed within about two minutes.
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


log = logging.getLogger("apiserver.rest")


class _Expected(logging.Filter):
    """Keeps out of the log what is no failure of ours: what is no HTTP, which is answered with 400, and connections
    that the client left or that were broken off because a stream's other end was."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (HttpProcessingError, ConnectionError))


log.addFilter(_Expected())


class RestServer:
    def __init__(self, door: Door, connections: Connections) -> None:
        self._door = door
        self._connections = connections
        self._http: ConnectionServer | None = None
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._listener is None:
            raise RuntimeError("the server was not started")
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen; on a free port when `port` is 0. Raises OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._http = ConnectionServer(
            self._door,
            self._connections,
            request_factory=_new_request,
            access_log=None,
            logger=log,
            auto_decompress=False,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
        )
        context.set_alpn_protocols(["http/1.1"])
        self._listener = await loop.create_server(
            self._http, host, port, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        for listening in self._listener.sockets:
            # Accepted connections inherit these; aiohttp turns keep-alive itself on.
            for option, value in _KEEPALIVE:
                listening.setsockopt(socket.IPPROTO_TCP, option, value)

    async def close(self) -> None:
        """Stop listening, let requests in progress finish for a moment, close every connection."""
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(DRAIN_SECONDS)


def _new_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[Any],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)
