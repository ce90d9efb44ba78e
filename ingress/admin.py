"""Asks the proxy for its own numbers: HTTP over its administrative Unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import h11

ANSWER_SECONDS = 5.0
READ_BYTES = 64 * 1024
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(socket: Path) -> tuple[str, bytes]:
    """The proxy's metrics in Prometheus' format: content type and body; a comment while it does not answer."""
    try:
        return METRICS_TYPE, await asyncio.wait_for(get(socket, "/stats/prometheus?usedonly"), ANSWER_SECONDS)
    except (OSError, TimeoutError, h11.ProtocolError) as error:
        return METRICS_TYPE, f"# the proxy does not answer: {error or 'timed out'}\n".encode()


async def get(socket: Path, path: str) -> bytes:
    """The body of a page. Raises OSError, h11.ProtocolError."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        connection = h11.Connection(h11.CLIENT)
        head = h11.Request(method="GET", target=path, headers=[("host", "admin"), ("connection", "close")])
        writer.write((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return bytes(body)
    finally:
        writer.close()
