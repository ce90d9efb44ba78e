"""Answers as bytes: head and body are joined here and leave in one write.

aiohttp calls `prepare` and `write_eof` on whatever a handler returns; these replies write straight to the transport,
because building header dictionaries costs more than serving the object. Streams of unknown length are `streams.py`'s.
"""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from api import errors
from apiserver.rest.negotiation import JSON

TEXT: Final = "text/plain; charset=utf-8"
# Bodies above this are written in a piece of their own, then the client's pace is awaited.
LARGE_BYTES: Final = 64 * 1024

NO_CACHE: Final = "no-cache, private"

_HEADS: Final[dict[tuple[int, str, str], bytes]] = {}


class _Clock:
    """The Date header's value, made once a second."""

    __slots__ = ("_second", "value")

    def __init__(self) -> None:
        self._second = 0
        self.value = b""

    def now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self.value = formatdate(second, usegmt=True).encode()
        return self.value


date: Final = _Clock()


class AuditIds:
    """UUIDs that tell requests apart: a random first part for the process, then a count."""

    def __init__(self) -> None:
        self._start = str(uuid.uuid4())[:24]
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"{self._start}{self._count:012x}"


class Reply(web.StreamResponse):
    """A complete answer: its body is the `parts` one after the other."""

    def __init__(self, *parts: bytes, status: int = 200, content_type: str = JSON) -> None:
        # The base class's own set-up makes header dictionaries and state that these replies never use.
        self._status = status
        self.parts = parts
        self.audit_id = ""
        self.media_type = content_type
        self.cache_control = NO_CACHE
        self._extra: list[tuple[str, str]] = []
        self._head_only = False
        self._minor_version = 1

    def add_header(self, name: str, value: str) -> None:
        self._extra.append((name, value))

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._req = request
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        self._minor_version = request.version.minor
        self._head_only = request.method == "HEAD"
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        if self._eof_sent:
            return
        self._eof_sent = True
        request = self._req
        transport = request.transport if request is not None else None
        if request is None or transport is None or transport.is_closing():
            raise ConnectionResetError("the client closed the connection before it was answered")
        size = self.size
        head = self._head(size)
        if self._head_only:
            transport.write(head)
        elif size <= LARGE_BYTES:
            transport.write(b"".join((head, *self.parts)))
        else:
            transport.writelines((head, *self.parts))
            await request.writer.drain()

    @property
    def size(self) -> int:
        """The body's length in bytes."""
        return sum(map(len, self.parts))

    def _head(self, size: int) -> bytes:
        lines = head_start(self.status, self.media_type, self.cache_control)
        extra = b"".join([f"{name}: {value}\r\n".encode() for name, value in self._extra]) if self._extra else b""
        if not self._keep_alive:
            extra += b"Connection: close\r\n"
        elif self._minor_version == 0:
            extra += b"Connection: keep-alive\r\n"
        return b"%bAudit-Id: %b\r\nDate: %b\r\n%bContent-Length: %d\r\n\r\n" % (
            lines,
            self.audit_id.encode(),
            date.now(),
            extra,
            size,
        )


def head_start(status: int, content_type: str, cache_control: str = NO_CACHE) -> bytes:
    """The status line and the headers every answer has."""
    key = (status, content_type, cache_control)
    lines = _HEADS.get(key)
    if lines is None:
        text = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nCache-Control: {cache_control}\r\n"
        lines = _HEADS[key] = f"{text}Content-Type: {content_type}\r\n".encode()
    return lines


def document(tree: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(tree), b"\n", status=status)


def text(body: str, status: int = 200) -> Reply:
    return Reply(body.encode(), status=status, content_type=TEXT)


def failure(error: errors.StatusError) -> Reply:
    """A Status, with the headers upstream sends along."""
    reply = document(error.to_status(), error.code)
    if error.retry_after_seconds:
        reply.add_header("Retry-After", str(error.retry_after_seconds))
    return reply


def not_found_page() -> Reply:
    """What upstream answers on paths that no group serves."""
    reply = text("404 page not found\n", 404)
    reply.add_header("X-Content-Type-Options", "nosniff")
    return reply
