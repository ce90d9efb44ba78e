"""Lines of a CRI log: `2024-05-01T12:00:00.000000000Z stdout F text` (upstream: CRI logging design). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)\Z")
PARTIAL = b"P"


class Malformed(ValueError):
    """Not a line of a CRI log."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file.

    partial: the program's own line goes on in the next entry of the stream; otherwise `text` ends with a newline.
    """

    time: bytes
    stream: bytes
    partial: bool
    text: bytes


def parse(line: bytes) -> Entry:
    """Split one line of the file, its newline included or not. Raises Malformed."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[1] not in (b"stdout", b"stderr"):
        raise Malformed(f"not a CRI log line: {line[:80]!r}")
    time, stream, tags, text = parts
    partial = PARTIAL in tags.split(b":")
    return Entry(time, stream, partial, text.removesuffix(b"\n") if partial else text.removesuffix(b"\n") + b"\n")


def nanoseconds(time: bytes) -> int:
    """A timestamp as nanoseconds since the epoch. Raises Malformed."""
    match = _TIME.match(time)
    if match is None:
        raise Malformed(f"not an RFC 3339 time: {time[:40]!r}")
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    seconds = int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    zone = match[8]
    if zone != b"Z":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[:1] == b"+" else -offset
    return seconds * 1_000_000_000 + int((match[7] or b"0").ljust(9, b"0"))


@dataclass(frozen=True, slots=True)
class Format:
    """What is shown. since: nanoseconds since the epoch; earlier entries are left out."""

    timestamps: bool = False
    since: int = 0


class Formatter:
    """Turns lines of the file into what the reader of the log sees."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._line_begins = True

    def show(self, line: bytes) -> bytes:
        """The text for one line; empty for one that is malformed or too old."""
        try:
            entry = parse(line)
            if self._format.since and nanoseconds(entry.time) < self._format.since:
                return b""
        except Malformed:
            return b""
        begins, self._line_begins = self._line_begins, not entry.partial
        if self._format.timestamps and begins:
            # conmon writes UTC as an offset; upstream shows it as Z.
            return entry.time.replace(b"+00:00", b"Z") + b" " + entry.text
        return entry.text


def lines(data: bytes, rest: bytes) -> tuple[list[bytes], bytes]:
    """Split what was read into whole lines and the beginning of one; `rest` is the last call's."""
    *whole, rest = (rest + data).split(b"\n")
    return whole, rest


def last_lines(blocks: Iterator[bytes], count: int) -> int:
    """How many bytes before the end the last `count` lines begin.

    blocks: the file from its end to its beginning. A last line without its newline counts.
    """
    if count <= 0:
        return 0
    seen, distance, first = 0, 0, True
    for block in blocks:
        end = len(block)
        if first and block.endswith(b"\n"):
            end -= 1
        first = False
        while (at := block.rfind(b"\n", 0, end)) >= 0:
            seen += 1
            if seen == count:
                return distance + len(block) - at - 1
            end = at
        distance += len(block)
    return distance
