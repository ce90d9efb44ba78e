"""Port-forward over SPDY/3.1, raw or inside a WebSocket: for each connection an error stream and a data stream.

The two find each other by their `requestid` header (upstream kubelet, portforward httpstream).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest import port_forward
from apiserver.rest.call import Call
from apiserver.rest.spdy_session import Session, Stream, Transport
from cluster.logs import get_logger

PROTOCOL: Final = "portforward.k8s.io"
TUNNEL_PROTOCOL: Final = "SPDY/3.1+portforward.k8s.io"
# Connections at a time over one client connection.
MAX_CONNECTIONS: Final = 256

log = get_logger()


class PortForwardSession:
    """All connections of one client."""

    def __init__(self, streams: PodStreams, call: Call, transport: Transport) -> None:
        self._streams = streams
        self._call = call
        self._session = Session(transport, self._opened)
        self._waiting: dict[str, dict[str, Stream]] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client is gone. Raises `spdy.ProtocolError`."""
        try:
            await self._session.run()
        finally:
            for connection in self._connections:
                connection.cancel()
            if self._connections:
                await asyncio.wait(self._connections)

    async def _opened(self, stream: Stream) -> None:
        kind = stream.headers.get("streamtype", "")
        request = _request_id(stream, kind)
        if kind not in ("error", "data") or len(self._waiting) >= MAX_CONNECTIONS:
            await _refuse(stream)
            return
        pair = self._waiting.setdefault(request, {})
        pair[kind] = stream
        if len(pair) == 2:
            del self._waiting[request]
            await self._connect(pair["data"], pair["error"])

    async def _connect(self, data: Stream, error: Stream) -> None:
        ends = StreamEnds(data, error)
        try:
            port = port_forward.valid_port(data.headers.get("port", ""))
        except errors.BadRequest as problem:
            await ends.send_error(problem.message)
            await ends.close()
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            await ends.send_error(f"more than {MAX_CONNECTIONS} connections are being forwarded already")
            await ends.close()
            return
        task = asyncio.create_task(self._forward(port, ends))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, port: int, ends: StreamEnds) -> None:
        try:
            await port_forward.forward(self._streams, self._call, port, ends)
        except ConnectionError:
            log.debug("client left a forwarded connection", pod=self._call.info.name, port=port)


class StreamEnds:
    """A pair of SPDY streams as the ends of one connection."""

    def __init__(self, data: Stream, error: Stream) -> None:
        self._data = data
        self._error = error

    def received(self) -> AsyncIterator[bytes]:
        return aiter(self._data)

    async def send(self, data: bytes) -> None:
        await self._data.write(data)

    async def send_error(self, message: str) -> None:
        await self._error.write(message.encode())

    async def close(self) -> None:
        for stream in (self._data, self._error):
            stream.discard_input()
            await stream.close()


async def _refuse(stream: Stream) -> None:
    stream.discard_input()
    await stream.close()


def _request_id(stream: Stream, kind: str) -> str:
    """What pairs the streams. Old clients send none and open the error stream right before the data stream."""
    named = stream.headers.get("requestid")
    if named:
        return named
    return f"stream {stream.number if kind == 'error' else stream.number - 2}"
