"""Port-forward over WebSocket channels: two for each port of the query, data and errors (upstream v4.channel.k8s.io).

Each channel starts with the port number, two bytes, lowest first; after that come bytes of the one connection there
is for each port. The PyPI kubernetes client speaks this.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiohttp import web

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
    """Forward until the client is gone or every connection has ended. Raises `BadRequest` before the upgrade."""
    ports = wanted_ports(call)
    socket = websockets.accept((*BINARY, *BASE64))
    await socket.prepare(call.request)
    ends = [ChannelEnds(socket, 2 * index, socket.ws_protocol in BASE64) for index in range(len(ports))]
    for port, end in zip(ports, ends, strict=True):
        await end.announce(port)
    tasks = [asyncio.create_task(_forward(streams, call, port, end)) for port, end in zip(ports, ends, strict=True)]
    tasks.append(asyncio.create_task(_close_after(socket, tuple(tasks))))
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
        await websockets.send_channel(self._socket, channel, data, self._encoded)


async def _forward(streams: PodStreams, call: Call, port: int, ends: ChannelEnds) -> None:
    try:
        await port_forward.forward(streams, call, port, ends)
    except ConnectionError:
        log.debug("client left a forwarded connection", pod=call.info.name, port=port)


async def _close_after(socket: web.WebSocketResponse, connections: Sequence[asyncio.Task[None]]) -> None:
    """A channel has no end of its own: that there is nothing more to come is told by closing the socket."""
    await asyncio.wait(connections)
    await socket.close()


async def _receive(socket: web.WebSocketResponse, ends: Sequence[ChannelEnds]) -> None:
    """Hand out what arrives on the data channels until the client closes."""
    encoded = socket.ws_protocol in BASE64
    async for message in socket:
        data = websockets.channel_message(message, encoded)
        if data and data[0] % 2 == 0 and data[0] // 2 < len(ends):
            await ends[data[0] // 2].feed(data[1:])
