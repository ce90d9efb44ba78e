"""Exec and attach over a WebSocket: each message is a channel number and bytes (upstream wsstream, KEP-4006).

Channels: 0 stdin, 1 stdout, 2 stderr, 3 outcome, 4 terminal size. From v5 on `255, N` closes channel N. The base64
protocols carry the same in text messages: the channel as a digit, the bytes encoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from aiohttp import web

from apiserver.rest import remote_command, websockets
from cluster.pb import streams_pb2 as pb

BINARY: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
BASE64: Final = (
    "v5.base64.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "v3.base64.channel.k8s.io",
    "v2.base64.channel.k8s.io",
    "base64.channel.k8s.io",
)
STDIN, STDOUT, STDERR, OUTCOME, RESIZE = range(5)
CLOSE_SIGNAL: Final = 255
_STATUS_OUTCOME: Final = ("v4.", "v5.")


class WebSocketCarrier:
    """One client's socket; `socket` is what to return to aiohttp at the end."""

    def __init__(self, request: web.BaseRequest, start: pb.StreamStart) -> None:
        self._request = request
        self._start = start
        self.socket = websockets.accept((*BINARY, *BASE64))
        self._gone = asyncio.Event()
        self._encoded = False
        self._outcome_is_status = False

    async def accept(self) -> WebSocketCarrier:
        """Upgrade the connection."""
        await self.socket.prepare(self._request)
        protocol = self.socket.ws_protocol or ""
        self._encoded = protocol in BASE64
        self._outcome_is_status = protocol.startswith(_STATUS_OUTCOME)
        if not protocol.startswith("v5."):
            # Upstream tells so that the connection stands: an empty message on the lowest channel it writes to.
            # Not to clients of v5: they need no telling, and complain when it comes before they listen.
            channel = STDOUT if self._start.stdout else STDERR if self._start.stderr else OUTCOME
            await self._send(channel, b"")
        return self

    async def inputs(self) -> AsyncIterator[pb.StreamInput]:
        while True:
            data = websockets.channel_message(await self.socket.receive(), self._encoded)
            if data is None:
                self._gone.set()
                return
            found = _input(data)
            if found is not None:
                yield found

    async def gone(self) -> None:
        await self._gone.wait()

    async def output(self, *, stdout: bytes = b"", stderr: bytes = b"") -> None:
        if stdout and self._start.stdout:
            await self._send(STDOUT, stdout)
        if stderr and self._start.stderr:
            await self._send(STDERR, stderr)

    async def finish(self, status: Mapping[str, Any]) -> None:
        if self._outcome_is_status:
            await self._send(OUTCOME, remote_command.status_json(status))
        elif text := remote_command.status_text(status):
            await self._send(OUTCOME, text)
        await self.socket.close()

    async def _send(self, channel: int, data: bytes) -> None:
        await websockets.send_channel(self.socket, channel, data, self._encoded)


def _input(data: bytes) -> pb.StreamInput | None:
    """A message by its channel; None for what means nothing here."""
    if not data:
        return None
    channel, rest = data[0], data[1:]
    if channel == STDIN:
        return pb.StreamInput(stdin=rest) if rest else None
    if channel == RESIZE:
        return remote_command.terminal_size(rest)
    if channel == CLOSE_SIGNAL and rest[:1] == bytes((STDIN,)):
        return pb.StreamInput(stdin_closed=True)
    return None
