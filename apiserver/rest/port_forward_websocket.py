"""Port-forward over WebSocket channels: two for each port of the query, data and errors (upstream v4.channel.k8s.io).

Each channel starts with the port number, two bytes, lowest first; after that come bytes of the one connection there
is for each port. The PyPI kubernetes client speaks this.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiohttp import WSMsgType, web

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest import port_forward, websockets
from apiserver.rest.call import Call
from cluster.logs import get_logger

BINARY: Final = ("v4.channel.k8s.io",)
BASE64: Final = ("v4.base64.channel.k8s.io",)
MAX_PORTS: Final = 64
QUEUED_PIECES: Final = 16

log = get_logger()


def wanted_ports(call: Call) -> list[int]:
    """The ports of the query, which may be repeated or separated by commas. Raises `BadRequest`."""
    texts = [text for value in call.query.get("ports", ()) for text in value.split(",") if text]
    if not texts:
        raise errors.BadRequest('query parameter "ports" is required')
    if len(texts) > MAX_PORTS:
        raise errors.BadRequest(f"at most {MAX_PORTS} ports can be forwarded over one connection")
    return [port_forward.valid_port(text) for text in texts]


async def serve(streams: PodStreams, call: Call) -> web.StreamResponse:
    """Forward until the client is gone. Raises `BadRequest` before the upgrade."""
    ports = wanted_ports(call)
    socket = websockets.accept((*BINARY, *BASE64))
    await socket.prepare(call.request)
    ends = [ChannelEnds(socket, 2 * index, socket.ws_protocol in BASE64) for index in range(len(ports))]
    for port, end in zip(ports, ends, strict=True):
        await end.announce(port)
    tasks = [asyncio.create_task(_forward(streams, call, port, end)) for port, end in zip(ports, ends, strict=True)]
    try:
        await _receive(socket, ends)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return socket


class ChannelEnds:
    """Two channels of a socket as the ends of one connection."""

    def __init__(self, socket: web.WebSocketResponse, channel: int, encoded: bool) -> None:
        self._socket = socket
        self._channel = channel
        self._encoded = encoded
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_PIECES)
        self._closed = False

    async def announce(self, port: int) -> None:
        for channel in (self._channel, self._channel + 1):
            await self._put(channel, port.to_bytes(2, "little"))

    async def feed(self, data: bytes) -> None:
        if not self._closed and data:
            await self._pieces.put(data)

    async def received(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._pieces.get()

    async def send(self, data: bytes) -> None:
        await self._put(self._channel, data)

    async def send_error(self, message: str) -> None:
        await self._put(self._channel + 1, message.encode())

    async def close(self) -> None:
        self._closed = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def _put(self, channel: int, data: bytes) -> None:
        if self._socket.closed:
            raise ConnectionResetError("the client closed the connection")
        if self._encoded:
            await self._socket.send_str(f"{channel}{base64.b64encode(data).decode()}")
        else:
            await self._socket.send_bytes(bytes((channel,)) + data)


async def _forward(streams: PodStreams, call: Call, port: int, ends: ChannelEnds) -> None:
    try:
        await port_forward.forward(streams, call, port, ends)
    except ConnectionError:
        log.debug("client left a forwarded connection", pod=call.info.name, port=port)


async def _receive(socket: web.WebSocketResponse, ends: Sequence[ChannelEnds]) -> None:
    """Hand out what arrives on the data channels until the client closes."""
    async for message in socket:
        if message.type is WSMsgType.BINARY and message.data:
            channel, data = message.data[0], message.data[1:]
        elif message.type is WSMsgType.TEXT and message.data[:1].isdigit():
            channel, data = int(message.data[0]), _decoded(message.data[1:])
        else:
            continue
        if channel % 2 == 0 and channel // 2 < len(ends):
            await ends[channel // 2].feed(data)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
