"""SPDY/3.1 frames, against a client end written from the protocol draft."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import pytest

from apiserver.rest import spdy
from apiserver.rest.spdy_dictionary import DICTIONARY


class Client:
    """The other end: makes frames, reads header blocks."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def open(self, stream: int, headers: Mapping[str, str], *, fin: bool = False) -> bytes:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIBB", stream, 0, 0, 0) + packed
        return struct.pack(">HHI", 0x8003, 1, (1 if fin else 0) << 24 | len(body)) + body

    def headers(self, block: bytes) -> bytes:
        return self._inflate.decompress(block)


def data_frame(stream: int, data: bytes, *, fin: bool = False) -> bytes:
    return struct.pack(">II", stream, (1 if fin else 0) << 24 | len(data)) + data


def test_the_dictionary_is_the_protocols() -> None:
    # The id every SPDY/3 header block names; a wrong byte would change it.
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_streams_are_opened_with_headers() -> None:
    client, framer = Client(), spdy.Framer()
    first = client.open(1, {"streamtype": "error", "port": "80"}, fin=True)
    second = client.open(3, {"streamtype": "data", "port": "80"})
    assert framer.receive(first + second) == [
        spdy.StreamOpened(1, {"streamtype": "error", "port": "80"}, True),
        spdy.StreamOpened(3, {"streamtype": "data", "port": "80"}, False),
    ]
    reply = framer.reply(3)
    version, kind, length, stream = struct.unpack(">HHII", reply[:12])
    assert (version, kind, length, stream) == (0x8003, 2, len(reply) - 8, 3)
    assert client.headers(reply[12:]) == struct.pack(">I", 0)


def test_any_split_of_the_bytes_gives_the_same_streams() -> None:
    sent = Client().open(1, {"a": "b"}) + data_frame(1, b"hello") + data_frame(1, b"", fin=True)
    for size in (1, 2, 3, 7, 11, 64):
        framer = spdy.Framer()
        events = [event for start in range(0, len(sent), size) for event in framer.receive(sent[start : start + size])]
        assert events[0] == spdy.StreamOpened(1, {"a": "b"}, False)
        pieces = [event for event in events[1:] if isinstance(event, spdy.DataReceived)]
        assert b"".join(piece.data for piece in pieces) == b"hello"
        assert [piece.ended for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_large_data_is_handed_on_before_its_frame_is_complete() -> None:
    framer = spdy.Framer()
    frame = data_frame(1, b"x" * 100_000)
    (piece,) = framer.receive(frame[:50_000])
    assert isinstance(piece, spdy.DataReceived)
    assert len(piece.data) == 50_000 - 8


def test_data_frames_carry_the_end() -> None:
    framer = spdy.Framer()
    assert framer.data(5, b"ab") == data_frame(5, b"ab")
    assert framer.data(5, b"", end=True) == data_frame(5, b"", fin=True)
    assert framer.reset(5) == struct.pack(">HHIII", 0x8003, 3, 8, 5, spdy.CANCEL)


def test_pings_are_answered_and_settings_ignored() -> None:
    framer = spdy.Framer()
    ping = struct.pack(">HHII", 0x8003, 6, 4, 7)
    settings = struct.pack(">HHII", 0x8003, 4, 4, 0)
    assert framer.receive(settings + ping) == [spdy.PingReceived(ping)]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n" + b"\xff" * 8,
        struct.pack(">HHI", 0x8002, 1, 10) + bytes(10),
        struct.pack(">HHI", 0x8003, 99, 0),
        struct.pack(">HHI", 0x8003, 1, 0xFFFFFF),
        struct.pack(">HHI", 0x8003, 1, 14) + bytes(14),
        struct.pack(">HHI", 0x8003, 3, 1) + bytes(1),
    ],
)
def test_what_is_no_spdy_is_an_error(garbage: bytes) -> None:
    framer = spdy.Framer()
    if garbage.startswith(b"GET"):
        # Looks like a huge data frame on a stream nobody opened: harmless, nothing is kept.
        assert all(isinstance(event, spdy.DataReceived) for event in framer.receive(garbage))
        return
    with pytest.raises(spdy.ProtocolError):
        framer.receive(garbage)


def test_header_blocks_that_explode_are_refused() -> None:
    bomb = Client().open(1, {"a": "0" * (spdy.MAX_HEADER_BYTES + 1)})
    with pytest.raises(spdy.ProtocolError, match="larger than"):
        spdy.Framer().receive(bomb)
