"""An answer that is sent piece by piece: watches and followed logs."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from apiserver.rest.negotiation import JSON
from apiserver.rest.replies import date, head_start


class Stream(web.StreamResponse):
    """Chunked for HTTP/1.1; for HTTP/1.0 the end of the connection is the end of the answer.

    Once opened it can only be finished by returning it, or broken off with `abort`.
    """

    def __init__(self, request: web.BaseRequest, audit_id: str, content_type: str = JSON) -> None:
        super().__init__(status=200)
        self._request = request
        self._writer = request.writer
        self._audit_id = audit_id
        self._media = content_type
        self._chunks = request.version.minor > 0
        self._keep_alive = request.keep_alive and self._chunks
        self.opened = False

    def open(self) -> None:
        """Send status and headers. Raises ConnectionError when the client is gone."""
        framing = b"Transfer-Encoding: chunked\r\n" if self._chunks else b""
        if not self._keep_alive:
            framing += b"Connection: close\r\n"
        head = b"%bAudit-Id: %b\r\nDate: %b\r\n%b\r\n" % (
            head_start(200, self._media),
            self._audit_id.encode(),
            date.now(),
            framing,
        )
        self.opened = True
        self._put(head)

    async def send(self, data: bytes) -> None:
        """Send one piece and wait while the client does not keep up. Raises ConnectionError when it is gone."""
        if data:
            self._put(b"%x\r\n%b\r\n" % (len(data), data) if self._chunks else data)
            await self._writer.drain()

    def abort(self) -> None:
        """Close the connection without the final chunk, so that the client sees the answer is incomplete."""
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        if self._eof_sent:
            return
        self._eof_sent = True
        if self._chunks:
            self._put(b"0\r\n\r\n")

    def _put(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client closed the connection")
        transport.write(data)
