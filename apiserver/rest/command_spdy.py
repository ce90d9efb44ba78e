"""Exec and attach over SPDY/3.1: one stream each for stdin, stdout, stderr, the outcome and the terminal size.

What upstream's clients did before WebSockets, and still fall back to (remotecommand v1 to v4).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from apiserver.rest import remote_command
from apiserver.rest.byte_transports import UpgradedConnection
from apiserver.rest.spdy_session import Session, Stream
from cluster.pb import streams_pb2 as pb

PROTOCOLS: Final = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
# The client has this long to open its streams (upstream streamCreationTimeout).
STREAMS_SECONDS: Final = 30.0
_STREAM_TYPE: Final = "streamtype"


class SpdyCarrier:
    """One client's SPDY connection, returned to aiohttp at the end; `protocol` is what was agreed on."""

    def __init__(self, connection: UpgradedConnection, protocol: str, start: pb.StreamStart) -> None:
        self.connection = connection
        self._session = Session(connection, self._opened)
        self._outcome_is_status = protocol == PROTOCOLS[0]
        self._wanted = _stream_types(start, protocol)
        self._streams: dict[str, Stream] = {}
        self._complete = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> SpdyCarrier:
        """Upgrade and wait for the client to open its streams.

        Raises TimeoutError, ConnectionError, `spdy.ProtocolError`.
        """
        self.connection.open()
        self._running = asyncio.create_task(self._session.run())
        complete = asyncio.create_task(self._complete.wait())
        try:
            async with asyncio.timeout(STREAMS_SECONDS):
                await asyncio.wait({self._running, complete}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            complete.cancel()
        if not self._complete.is_set():
            self._running.result()
            raise ConnectionResetError("the client left before it opened its streams")
        return self

    async def close(self) -> None:
        """Stop reading from the client."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def inputs(self) -> AsyncIterator[pb.StreamInput]:
        arrived: asyncio.Queue[pb.StreamInput | None] = asyncio.Queue(1)
        pumps = [asyncio.create_task(_pump(stream, arrived)) for stream in self._input_streams()]
        open_pumps = len(pumps)
        try:
            while open_pumps:
                message = await arrived.get()
                if message is None:
                    open_pumps -= 1
                else:
                    yield message
            # The end of the iteration would close the call; the command may still be running.
            await self.gone()
        finally:
            for pump in pumps:
                pump.cancel()

    async def gone(self) -> None:
        if self._running is not None:
            await asyncio.wait({self._running})

    async def output(self, *, stdout: bytes = b"", stderr: bytes = b"") -> None:
        for kind, data in (("stdout", stdout), ("stderr", stderr)):
            stream = self._streams.get(kind)
            if data and stream is not None:
                await stream.write(data)

    async def finish(self, status: Mapping[str, Any]) -> None:
        to_bytes = remote_command.status_json if self._outcome_is_status else remote_command.status_text
        await self._streams["error"].write(to_bytes(status))
        for stream in self._streams.values():
            stream.discard_input()
            await stream.close()

    def _input_streams(self) -> list[Stream]:
        return [self._streams[kind] for kind in ("stdin", "resize") if kind in self._streams]

    async def _opened(self, stream: Stream) -> None:
        kind = stream.headers.get(_STREAM_TYPE, "")
        if kind in self._wanted and kind not in self._streams:
            self._streams[kind] = stream
        else:
            stream.discard_input()
            await stream.close()
        if self._wanted == self._streams.keys():
            self._complete.set()


async def _pump(stream: Stream, arrived: asyncio.Queue[pb.StreamInput | None]) -> None:
    """Move what arrives on stdin or resize into `arrived`; None at the end."""
    is_stdin = stream.headers[_STREAM_TYPE] == "stdin"
    async for piece in stream:
        message = pb.StreamInput(stdin=piece) if is_stdin else remote_command.terminal_size(piece)
        if message is not None:
            await arrived.put(message)
    if is_stdin:
        await arrived.put(pb.StreamInput(stdin_closed=True))
    await arrived.put(None)


def _stream_types(start: pb.StreamStart, protocol: str) -> set[str]:
    wanted = {"error"}
    if start.stdin:
        wanted.add("stdin")
    if start.stdout:
        wanted.add("stdout")
    if start.stderr:
        wanted.add("stderr")
    if start.tty and protocol in PROTOCOLS[:2]:
        wanted.add("resize")
    return wanted
