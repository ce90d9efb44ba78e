"""pods/log over a WebSocket: the log's bytes in one-way messages (upstream wsstream's Reader).

Without a subprotocol and with `binary.k8s.io` messages are binary; with `base64.binary.k8s.io` text.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from api import errors
from apiserver.rest import websockets

BINARY: Final = "binary.k8s.io"
BASE64: Final = "base64.binary.k8s.io"


async def serve(
    request: web.BaseRequest, first: asyncio.Future[bytes], chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Upgrade and send `first` and `chunks` until they or the client end; a failure closes the socket with its code."""
    socket = websockets.accept((BINARY, BASE64))
    await socket.prepare(request)
    sending = asyncio.ensure_future(_send(socket, first, chunks))
    leaving = asyncio.ensure_future(_closed(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        code = sending.result() if sending.done() else WSCloseCode.OK
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.wait({sending, leaving})
    await socket.close(code=code)
    return socket


async def _send(
    socket: web.WebSocketResponse, first: asyncio.Future[bytes], chunks: AsyncIterator[bytes]
) -> WSCloseCode:
    send = _sender(socket)
    try:
        # Upstream begins with an empty message, so that clients know the connection stands.
        await send(b"")
        await send(await first)
        async for chunk in chunks:
            await send(chunk)
    except errors.StatusError:
        return WSCloseCode.INTERNAL_ERROR
    return WSCloseCode.OK


def _sender(socket: web.WebSocketResponse) -> Callable[[bytes], Awaitable[None]]:
    if socket.ws_protocol != BASE64:
        return socket.send_bytes
    return lambda data: socket.send_str(base64.b64encode(data).decode())


async def _closed(socket: web.WebSocketResponse) -> None:
    """Wait until the client closes; what it sends means nothing."""
    while (await socket.receive()).type in (WSMsgType.BINARY, WSMsgType.TEXT):
        pass
