"""The two carriers of SPDY: a connection after `Upgrade: SPDY/3.1`, and a WebSocket of binary messages."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from aiohttp import WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from apiserver.rest.replies import date

PROTOCOL: Final = "SPDY/3.1"
VERSION_HEADER: Final = "X-Stream-Protocol-Version"
# The client is not read from while this much waits to be processed.
HIGH_WATER_BYTES: Final = 256 * 1024


class WebSocketTransport:
    """Bytes in binary messages (KEP-4006)."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                if message.data:
                    return cast(bytes, message.data)
            elif message.type is WSMsgType.TEXT:
                return cast(str, message.data).encode()
            else:
                return b""

    async def send(self, data: bytes) -> None:
        if self._socket.closed:
            raise ConnectionResetError("the client closed the connection")
        await self._socket.send_bytes(data)


class UpgradedConnection(web.StreamResponse):
    """The connection itself, once the client's `Upgrade` was granted with `head`; returned to aiohttp at the end."""

    def __init__(self, request: web.BaseRequest, head: bytes) -> None:
        super().__init__(status=101)
        self._request = request
        self._head = head
        self._received = _Received(request)
        self._keep_alive = False

    def open(self) -> None:
        """Switch protocols. Raises ConnectionError when the client is gone."""
        # aiohttp hands everything that follows to this object, in place of its HTTP parser.
        self._request.protocol.set_parser(cast(Any, self._received))
        self._put(self._head)

    async def receive(self) -> bytes:
        return await self._received.get()

    async def send(self, data: bytes) -> None:
        self._put(data)
        await self._request.writer.drain()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        self._eof_sent = True

    def _put(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client closed the connection")
        transport.write(data)


class _Received:
    """Collects what arrives; pauses the connection while too much waits (aiohttp's payload-parser interface)."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._ended = False
        self._paused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._buffer += data
        self._arrived.set()
        transport = self._request.transport
        if len(self._buffer) > HIGH_WATER_BYTES and not self._paused and transport is not None:
            transport.pause_reading()
            self._paused = True
        return False, b""

    def feed_eof(self) -> None:
        self._ended = True
        self._arrived.set()

    async def get(self) -> bytes:
        while not self._buffer:
            if self._ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        transport = self._request.transport
        if self._paused and transport is not None:
            self._paused = False
            transport.resume_reading()
        return data


def switched(stream_protocol: str) -> bytes:
    """The head of the answer that grants SPDY."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
        f"Upgrade: {PROTOCOL}\r\n{VERSION_HEADER}: {stream_protocol}\r\nDate: {date.now().decode()}\r\n\r\n"
    ).encode()


def requested(request: web.BaseRequest) -> bool:
    """Whether the client asks for a SPDY connection."""
    headers = request.headers
    return headers.get("Upgrade", "").lower() == PROTOCOL.lower() and "upgrade" in headers.get("Connection", "").lower()


def offered(request: web.BaseRequest) -> list[str]:
    """The stream protocols the client offers, in its order; the header may be repeated or comma-separated."""
    values = request.headers.getall(VERSION_HEADER, [])
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
