"""A SPDY/3.1 client as small as tests need: raw over TLS, or inside a WebSocket."""

from __future__ import annotations

import asyncio
import ssl
import struct
import zlib
from collections.abc import Mapping

import aiohttp

from apiserver.rest.spdy_dictionary import DICTIONARY

WAIT_SECONDS = 30.0


class SpdyClient:
    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._address = (host, port, context)
        self._writer: asyncio.StreamWriter | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[None] | None = None
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._next = 1
        self._accepted: dict[int, asyncio.Event] = {}
        self._received: dict[int, bytearray] = {}
        self._ended: dict[int, asyncio.Event] = {}

    async def upgrade(self, method: str, path: str, *protocols: str) -> dict[str, str]:
        """The answer's headers. Raises ConnectionRefusedError with the status line unless it is 101."""
        host, port, context = self._address
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        self._writer = writer
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: SPDY/3.1"]
        lines += [f"X-Stream-Protocol-Version: {protocol}" for protocol in protocols]
        writer.write("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)).decode().splitlines()
        if " 101 " not in head[0]:
            raise ConnectionRefusedError(head[0])
        self._task = asyncio.create_task(self._read_raw(reader))
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}

    async def tunnel(self, session: aiohttp.ClientSession, path: str, protocol: str) -> None:
        self._socket = await session.ws_connect(path, protocols=(protocol,))
        assert self._socket.protocol == protocol
        self._task = asyncio.create_task(self._read_socket(self._socket))

    async def open(self, headers: Mapping[str, str], *, end: bool = False) -> int:
        """Open a stream and wait until it is accepted."""
        stream, self._next = self._next, self._next + 2
        self._accepted[stream] = asyncio.Event()
        self._received[stream] = bytearray()
        self._ended[stream] = asyncio.Event()
        block = struct.pack(">I", len(headers))
        for text in (part for pair in headers.items() for part in pair):
            block += struct.pack(">I", len(text)) + text.encode()
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIBB", stream, 0, 0, 0) + packed
        await self.write(struct.pack(">HHI", 0x8003, 1, (1 if end else 0) << 24 | len(body)) + body)
        await asyncio.wait_for(self._accepted[stream].wait(), WAIT_SECONDS)
        return stream

    async def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        await self.write(struct.pack(">II", stream, (1 if end else 0) << 24 | len(data)) + data)

    async def read_all(self, stream: int) -> bytes:
        await asyncio.wait_for(self._ended[stream].wait(), WAIT_SECONDS)
        return bytes(self._received[stream])

    async def write(self, data: bytes) -> None:
        if self._socket is not None:
            await self._socket.send_bytes(data)
        elif self._writer is not None:
            self._writer.write(data)
            await self._writer.drain()

    async def until_closed(self) -> None:
        assert self._task is not None
        await asyncio.wait_for(self._task, WAIT_SECONDS)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._writer is not None:
            self._writer.close()
        if self._socket is not None:
            await self._socket.close()

    async def _read_raw(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        while data := await reader.read(65536):
            buffer = self._take(buffer + data)

    async def _read_socket(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        buffer = b""
        async for message in socket:
            buffer = self._take(buffer + message.data)

    def _take(self, buffer: bytes) -> bytes:
        while len(buffer) >= 8:
            first, second = struct.unpack_from(">II", buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(buffer) < 8 + length:
                break
            body, buffer = buffer[8 : 8 + length], buffer[8 + length :]
            if first & 0x80000000:
                (stream,) = struct.unpack_from(">I", body)
                if first & 0xFFFF == 2:
                    self._accepted[stream].set()
                elif first & 0xFFFF == 3:
                    self._ended[stream].set()
            else:
                self._received[first] += body
                if flags & 1:
                    self._ended[first].set()
        return buffer
