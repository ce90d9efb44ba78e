"""WebSocket upgrades: recognised, and accepted with one of the subprotocols offered."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

# A client's frame of more than this ends its connection.
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024


def requested(request: web.BaseRequest) -> bool:
    """Whether the client asks for an upgrade to a WebSocket."""
    headers = request.headers
    return headers.get("Upgrade", "").lower() == "websocket" and "upgrade" in headers.get("Connection", "").lower()


def offered(request: web.BaseRequest) -> list[str]:
    """The subprotocols the client offers, in its order."""
    header = request.headers.get("Sec-WebSocket-Protocol", "")
    return [name.strip() for name in header.split(",") if name.strip()]


def accept(subprotocols: Sequence[str]) -> web.WebSocketResponse:
    """A socket that takes the first of the client's offers that is among `subprotocols`.

    It sends no pings: clients that only read now and then would be cut off. Half-open connections are TCP keep-alive's.
    """
    return web.WebSocketResponse(protocols=subprotocols, max_msg_size=MAX_MESSAGE_BYTES, compress=False)


def channel_message(message: WSMessage, encoded: bool) -> bytes | None:
    """A message of the channel protocols as a channel number and bytes; None when the client has closed.

    `encoded` is for the base64 protocols: the channel as a digit, the bytes encoded; b"" when malformed. Otherwise
    text messages count as their bytes: some clients send text to binary protocols.
    """
    if message.type is WSMsgType.BINARY:
        data = bytes(message.data)
    elif message.type is WSMsgType.TEXT:
        data = str(message.data).encode()
    else:
        return None
    if not encoded:
        return data
    if not data[:1].isdigit():
        return b""
    try:
        return bytes((int(data[:1]),)) + base64.b64decode(data[1:], validate=True)
    except binascii.Error:
        return b""


async def send_channel(socket: web.WebSocketResponse, channel: int, data: bytes, encoded: bool) -> None:
    """Send bytes on a channel. Raises ConnectionError when the client is gone."""
    if socket.closed:
        raise ConnectionResetError("the client closed the connection")
    if encoded:
        await socket.send_str(f"{channel}{base64.b64encode(data).decode()}")
    else:
        await socket.send_bytes(bytes((channel,)) + data)
