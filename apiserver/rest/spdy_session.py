"""A running SPDY connection: streams to read from and write to, on any transport of bytes.

The transport is either the raw connection after an `Upgrade: SPDY/3.1`, or a WebSocket that carries the same bytes
(KEP-4006). A stream nobody reads holds up the others, as in client-go: memory stays bounded that way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

from apiserver.rest import spdy

MAX_STREAMS: Final = 1_000
QUEUED_PIECES: Final = 16


class Transport(Protocol):
    """A duplex stream of bytes."""

    async def receive(self) -> bytes:
        """The next bytes; b"" when the peer is done."""
        ...

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError when the peer is gone."""
        ...


class Stream:
    """One stream the client opened."""

    def __init__(self, session: Session, number: int, headers: Mapping[str, str]) -> None:
        self.number = number
        self.headers = headers
        self._session = session
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_PIECES)
        self._input_ended = False
        self._output_ended = False

    async def read(self) -> bytes:
        """The next piece; b"" once the client has closed its side."""
        if self._input_ended and self._pieces.empty():
            return b""
        return await self._pieces.get()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def write(self, data: bytes) -> None:
        """Send a piece; dropped when the stream was closed or reset."""
        if data and not self._output_ended:
            await self._session.send(self._session.framer.data(self.number, data))

    async def close(self) -> None:
        """Half-close our side."""
        if not self._output_ended:
            self._output_ended = True
            await self._session.send(self._session.framer.data(self.number, b"", end=True))

    async def feed(self, data: bytes) -> None:
        """Take in what the client sent; waits while the reader does not keep up."""
        if data and not self._input_ended:
            await self._pieces.put(data)

    def end_input(self) -> None:
        """The client will send nothing more: readers get what is there, then the end."""
        self._input_ended = True
        if self._pieces.empty():
            self._pieces.put_nowait(b"")

    def discard_input(self) -> None:
        """Nobody will read this stream any more: drop what the client sends, so that it holds up no other stream."""
        self._input_ended = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    def reset(self) -> None:
        """The client gave the stream up: nothing more in either direction."""
        self._output_ended = True
        self.end_input()

    @property
    def done(self) -> bool:
        """Both sides are closed, so the stream can be forgotten."""
        return self._input_ended and self._output_ended


class Session:
    """`opened` is called with every new stream, after it was accepted."""

    def __init__(self, transport: Transport, opened: Callable[[Stream], Awaitable[None]]) -> None:
        self.framer = spdy.Framer()
        self._transport = transport
        self._opened = opened
        self._streams: dict[int, Stream] = {}
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Take in frames until the client is gone. Raises `spdy.ProtocolError`; ConnectionError ends it quietly."""
        try:
            while data := await self._transport.receive():
                for event in self.framer.receive(data):
                    if isinstance(event, spdy.GoAwayReceived):
                        return
                    await self._handle(event)
        except ConnectionError:
            return
        finally:
            for stream in self._streams.values():
                stream.end_input()

    async def send(self, data: bytes) -> None:
        async with self._sending:
            await self._transport.send(data)

    async def _handle(self, event: spdy.Event) -> None:
        if isinstance(event, spdy.StreamOpened):
            await self._open(event)
        elif isinstance(event, spdy.PingReceived):
            await self.send(event.answer)
        elif isinstance(event, spdy.DataReceived):
            stream = self._streams.get(event.stream)
            if stream is not None:
                await stream.feed(event.data)
                if event.ended:
                    stream.end_input()
        elif isinstance(event, spdy.StreamReset):
            stream = self._streams.pop(event.stream, None)
            if stream is not None:
                stream.reset()

    async def _open(self, event: spdy.StreamOpened) -> None:
        self._streams = {number: stream for number, stream in self._streams.items() if not stream.done}
        if len(self._streams) >= MAX_STREAMS:
            await self.send(self.framer.reset(event.stream, spdy.REFUSED_STREAM))
            return
        stream = Stream(self, event.stream, event.headers)
        self._streams[event.stream] = stream
        await self.send(self.framer.reply(event.stream))
        if event.ended:
            stream.end_input()
        await self._opened(stream)
