"""The small HTTPS server of every component: health for anyone, metrics for the cluster's own.

`/healthz`, `/livez`, `/readyz` answer anyone (as upstream's components do), with `?verbose` naming each check;
every other page needs a client certificate of the cluster's authority.
HTTP/1.1 is h11's business, TLS the event loop's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h11

Page = Callable[[], Awaitable[tuple[str, bytes]]]
Check = Callable[[], bool]

IDLE_SECONDS = 60.0
READ_BYTES = 16 * 1024
PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    content_type: str
    body: bytes


def tls_context(ca_file: Path, cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """TLS 1.2+, our certificate, client certificates checked when offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert_file, key_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def health_response(checks: Mapping[str, Check], *, verbose: bool) -> Response:
    """`ok`, or the list of checks with those that fail (upstream's healthz format)."""
    failed = {name for name, check in checks.items() if not check()}
    if not failed and not verbose:
        return Response(200, "text/plain; charset=utf-8", b"ok")
    lines = [f"[-]{name} failed: not ready" if name in failed else f"[+]{name} ok" for name in checks]
    lines.append("check failed" if failed else "check passed")
    return Response(503 if failed else 200, "text/plain; charset=utf-8", "\n".join(lines).encode() + b"\n")


class StatusServer:
    """Serves health checks and pages; `live` and `ready` are read at every request."""

    def __init__(self, live: Mapping[str, Check], ready: Mapping[str, Check], pages: Mapping[str, Page]) -> None:
        self._live = live
        self._ready = ready
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        self._server = await asyncio.start_server(self._connected, host, port, ssl=context, reuse_address=True)

    async def close(self) -> None:
        """Stop listening and hang up."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:  # its handshake was under way: nobody would end its task
            writer.transport.abort()
            return
        # A task of our own: asyncio's, cancelled by a process that stops, logs that as an error (until Python 3.12).
        conversation = asyncio.create_task(self._serve(reader, writer), name="status-connection")
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trusted = bool(writer.get_extra_info("peercert"))
        await converse(reader, writer, lambda request: self._answer(request, trusted))

    async def _answer(self, request: h11.Request, trusted: bool) -> Response:
        path, _, query = request.target.decode("latin-1").partition("?")
        if request.method not in (b"GET", b"HEAD"):
            return Response(405, "text/plain; charset=utf-8", b"405: only GET is answered here\n")
        if path in PUBLIC_PATHS:
            checks = self._ready if path == "/readyz" else self._live
            return health_response(checks, verbose="verbose" in query)
        page = self._pages.get(path)
        if page is None:
            known = " ".join(sorted(PUBLIC_PATHS | set(self._pages)))
            return Response(404, "text/plain; charset=utf-8", f"404: no such page; there are {known}\n".encode())
        if not trusted:
            return Response(401, "text/plain; charset=utf-8", b"401: a client certificate of the cluster is needed\n")
        content_type, body = await page()
        return Response(200, content_type, body)


async def converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[h11.Request], Awaitable[Response]]
) -> None:
    """Answer the requests of one connection until its peer is done, or idle; then close it."""
    connection = h11.Connection(h11.SERVER)
    try:
        while (request := await asyncio.wait_for(_next_request(connection, reader), IDLE_SECONDS)) is not None:
            writer.write(_encode(connection, request, await answer(request)))
            await writer.drain()
            if connection.our_state is h11.MUST_CLOSE:
                break
            connection.start_next_cycle()
    except (h11.ProtocolError, ConnectionError, TimeoutError, ssl.SSLError):
        pass  # the peer went away or does not speak HTTP: nothing to tell it
    finally:
        writer.close()


async def _next_request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The next whole request, its body read and dropped; None when the peer is done."""
    request: h11.Request | None = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage):
            return request
        elif isinstance(event, h11.ConnectionClosed):
            return None


def _encode(connection: h11.Connection, request: h11.Request, response: Response) -> bytes:
    headers = [("content-type", response.content_type), ("content-length", str(len(response.body)))]
    head = connection.send(h11.Response(status_code=response.status, headers=headers))
    body = connection.send(h11.Data(response.body)) if request.method != b"HEAD" else b""
    return (head or b"") + (body or b"") + (connection.send(h11.EndOfMessage()) or b"")
