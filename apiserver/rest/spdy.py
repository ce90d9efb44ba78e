"""SPDY/3.1 framing as far as kubectl uses it: streams with headers, data, half-close, reset, ping.

Bytes in, events out; bytes to send come back from the methods. Nothing here does I/O. The format is that of the
SPDY protocol draft 3; flow-control windows are left out, as client-go leaves them out: the transport's own
back-pressure has to do.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apiserver.rest import spdy_dictionary

VERSION: Final = 3
MAX_CONTROL_BYTES: Final = 64 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_DATA_BYTES: Final = 2**24 - 1
FIN: Final = 0x01

SYN_STREAM: Final = 1
SYN_REPLY: Final = 2
RST_STREAM: Final = 3
PING: Final = 6
GOAWAY: Final = 7
HEADERS: Final = 8
# SETTINGS and WINDOW_UPDATE, which need no answer.
IGNORED: Final = frozenset({4, 9})

CANCEL: Final = 5
REFUSED_STREAM: Final = 3
PROTOCOL_ERROR: Final = 1

_CONTROL_BIT: Final = 0x80000000
_STREAM_MASK: Final = 0x7FFFFFFF
_HEAD: Final = struct.Struct(">II")
_WORD: Final = struct.Struct(">I")


class ProtocolError(Exception):
    """The peer does not speak SPDY/3.1; the connection is to be closed."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """`ended` means the peer will send nothing on the stream."""

    stream: int
    headers: Mapping[str, str]
    ended: bool


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A piece of a stream; pieces need not be whole frames. `ended` is the peer's half-close."""

    stream: int
    data: bytes
    ended: bool


@dataclass(frozen=True, slots=True)
class StreamReset:
    stream: int


@dataclass(frozen=True, slots=True)
class PingReceived:
    """`answer` is to be sent back."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class GoAwayReceived:
    pass


Event = StreamOpened | DataReceived | StreamReset | PingReceived | GoAwayReceived


class Framer:
    """The server's end of one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data_stream = 0
        self._data_left = 0
        self._data_ends = False
        self._inflate = zlib.decompressobj(zdict=spdy_dictionary.DICTIONARY)
        self._deflate = zlib.compressobj(level=6, zdict=spdy_dictionary.DICTIONARY)

    def receive(self, data: bytes) -> list[Event]:
        """What the peer said, as far as it is complete. Raises `ProtocolError`."""
        self._buffer += data
        events: list[Event] = []
        while True:
            event = self._take_data() if self._data_left else self._take_frame()
            if event is None:
                return events
            if not isinstance(event, _Nothing):
                events.append(event)

    def reply(self, stream: int) -> bytes:
        """Accept a stream the peer opened."""
        block = self._deflate.compress(_WORD.pack(0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, _WORD.pack(stream) + block)

    def data(self, stream: int, data: bytes, *, end: bool = False) -> bytes:
        """Data on a stream, with `end` its half-close."""
        frames = bytearray()
        for start in range(0, len(data) or 1, MAX_DATA_BYTES):
            piece = data[start : start + MAX_DATA_BYTES]
            last = start + MAX_DATA_BYTES >= len(data)
            frames += _HEAD.pack(stream, (FIN if end and last else 0) << 24 | len(piece)) + piece
        return bytes(frames)

    def reset(self, stream: int, status: int = CANCEL) -> bytes:
        return _control(RST_STREAM, _HEAD.pack(stream, status))

    def go_away(self, last_stream: int) -> bytes:
        return _control(GOAWAY, _HEAD.pack(last_stream, 0))

    def _take_data(self) -> Event | None:
        """As much of the data frame in progress as has arrived: frames may be larger than we care to hold."""
        if not self._buffer:
            return None
        piece = bytes(self._buffer[: self._data_left])
        del self._buffer[: len(piece)]
        self._data_left -= len(piece)
        return DataReceived(self._data_stream, piece, self._data_ends and not self._data_left)

    def _take_frame(self) -> Event | _Nothing | None:
        if len(self._buffer) < _HEAD.size:
            return None
        first, second = _HEAD.unpack_from(self._buffer)
        flags, length = second >> 24, second & MAX_DATA_BYTES
        if not first & _CONTROL_BIT:
            del self._buffer[: _HEAD.size]
            self._data_stream, self._data_left, self._data_ends = first & _STREAM_MASK, length, bool(flags & FIN)
            return DataReceived(self._data_stream, b"", self._data_ends) if not length else NOTHING
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != VERSION or length > MAX_CONTROL_BYTES:
            raise ProtocolError(f"unexpected SPDY control frame: version {version}, {length} bytes")
        if len(self._buffer) < _HEAD.size + length:
            return None
        body = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
        del self._buffer[: _HEAD.size + length]
        try:
            return self._control_frame(kind, flags, body)
        except struct.error as error:
            raise ProtocolError(f"SPDY control frame {kind} is too short") from error

    def _control_frame(self, kind: int, flags: int, body: bytes) -> Event | _Nothing:
        if kind == SYN_STREAM:
            (stream,) = _WORD.unpack_from(body)
            return StreamOpened(stream & _STREAM_MASK, self._headers(body[10:]), bool(flags & FIN))
        if kind == RST_STREAM:
            (stream,) = _WORD.unpack_from(body)
            return StreamReset(stream & _STREAM_MASK)
        if kind == PING:
            return PingReceived(_control(PING, body[: _WORD.size]))
        if kind == GOAWAY:
            return GoAwayReceived()
        if kind in (HEADERS, SYN_REPLY):
            # Not expected from a client, but its header block moves the shared compression state.
            (stream,) = _WORD.unpack_from(body)
            self._headers(body[4:])
            return DataReceived(stream & _STREAM_MASK, b"", bool(flags & FIN))
        if kind in IGNORED:
            return NOTHING
        raise ProtocolError(f"unknown SPDY control frame {kind}")

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, MAX_HEADER_BYTES)
        except zlib.error as error:
            raise ProtocolError(f"SPDY header block cannot be decompressed: {error}") from error
        if self._inflate.unconsumed_tail:
            raise ProtocolError(f"SPDY header block is larger than {MAX_HEADER_BYTES} bytes")
        (count,) = _WORD.unpack_from(plain)
        headers: dict[str, str] = {}
        position = _WORD.size
        for _ in range(count):
            name, position = _text(plain, position)
            value, position = _text(plain, position)
            headers[name] = value
        return headers


class _Nothing:
    """A frame was taken in that tells the caller nothing."""


NOTHING: Final = _Nothing()


def _text(plain: bytes, position: int) -> tuple[str, int]:
    (length,) = _WORD.unpack_from(plain, position)
    start = position + _WORD.size
    end = start + length
    if end > len(plain):
        raise ProtocolError("SPDY header block is cut short")
    return plain[start:end].decode("utf-8", "replace"), end


def _control(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(_CONTROL_BIT | VERSION << 16 | kind, len(body)) + body
