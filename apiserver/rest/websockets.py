"""WebSocket upgrades: recognised, and accepted with one of the subprotocols offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

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
