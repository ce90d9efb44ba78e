"""A thin HTTP/1.1 GET for probes and hooks: no verification, no connection reuse, a cut-off body.

Behaviour: upstream's pkg/probe/http and Go's client (redirects within the host are followed, error texts).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

import h11

from kubelet.version import PROBE_AGENT

MAX_BODY_BYTES = 10 * 1024
MAX_REDIRECTS = 10
SWITCHING_PROTOCOLS = 101
READ_BYTES = 16 * 1024
# What OpenSSL makes of a plain HTTP answer.
_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpFailure(Exception):
    """No answer. The text is as Go's client words it."""


class PlainAnswer(HttpFailure):
    """The peer of an HTTPS request does not speak TLS."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body (at most MAX_BODY_BYTES) and, for a redirect that was not followed, where it led."""

    status: int
    body: bytes = b""
    redirected_to: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET. `headers` are (name, value) as given; Host, User-Agent and Accept are added when absent."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def url_of(scheme: str, host: str, port: int, path: str) -> str:
    """`http://host:port/path`; an IPv6 host is bracketed."""
    shown = f"[{host}]" if ":" in host else host
    # As Go writes URLs: what may not stand in one is escaped, what is escaped already stays.
    escaped = quote(path, safe="%/?#[]@!$&'()*+,;=:~")
    return f"{(scheme or 'HTTP').lower()}://{shown}:{port}{escaped if escaped.startswith('/') else '/' + escaped}"


async def get(request: Request, timeout_seconds: float) -> Response:
    """Ask, following redirects that stay on the same host. Raises HttpFailure."""
    url = request.url
    try:
        host = urlsplit(url).hostname
        async with asyncio.timeout(timeout_seconds):
            for _ in range(MAX_REDIRECTS):
                status, headers, body = await _get_once(Request(url, request.headers))
                target = headers.get(b"location", b"").decode("latin-1")
                if status not in _REDIRECTS or not target:
                    return Response(status, body)
                url = urljoin(url, target)
                if urlsplit(url).hostname != host:
                    return Response(status, body, redirected_to=url)
    except TimeoutError:
        text = f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        raise HttpFailure(text) from None
    except (ValueError, h11.LocalProtocolError) as error:
        # A host, port or header that is none, the pod author's or a redirect's.
        raise HttpFailure(f'Get "{url}": {error}') from None
    raise HttpFailure(f'Get "{url}": stopped after {MAX_REDIRECTS} redirects')


async def _get_once(request: Request) -> tuple[int, dict[bytes, bytes], bytes]:
    parts = urlsplit(request.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        reader, writer = await asyncio.open_connection(
            host, port, ssl=_unverified() if parts.scheme == "https" else None
        )
    except ssl.SSLError as error:
        if error.reason in _PLAIN:
            text = "http: server gave HTTP response to HTTPS client"
            raise PlainAnswer(f'Get "{request.url}": {text}') from None
        raise HttpFailure(f'Get "{request.url}": {dial_text(error)}') from None
    except OSError as error:
        raise HttpFailure(f'Get "{request.url}": dial tcp {host}:{port}: {dial_text(error)}') from None
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return await _converse(reader, writer, target, _headers(request.headers, parts.netloc))
    except (OSError, h11.RemoteProtocolError) as error:
        raise HttpFailure(f'Get "{request.url}": {dial_text(error)}') from None
    finally:
        writer.close()


def _headers(given: Iterable[tuple[str, str]], host: str) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in given if value]
    names = {name.lower() for name, _ in given}
    for name, value in (("Host", host), ("User-Agent", PROBE_AGENT), ("Accept", "*/*")):
        if name.lower() not in names:
            headers.append((name, value))
    return [*headers, ("Connection", "close")]


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, headers: list[tuple[str, str]]
) -> tuple[int, dict[bytes, bytes], bytes]:
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=target.encode("utf-8"), headers=headers)
    writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    status, answer, body = 0, dict[bytes, bytes](), b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            status, answer = event.status_code, dict(event.headers)
        elif isinstance(event, h11.InformationalResponse) and event.status_code == SWITCHING_PROTOCOLS:
            # No HTTP follows, and h11 would say so for ever.
            return event.status_code, {}, b""
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) >= MAX_BODY_BYTES:
                return status, answer, body[:MAX_BODY_BYTES]
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return status, answer, body


@lru_cache(1)
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def dial_text(error: Exception) -> str:
    """A connection error in Go's words."""
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(error, ConnectionResetError):
        return "read: connection reset by peer"
    if isinstance(error, OSError) and error.strerror:
        return f"connect: {error.strerror.lower()}"
    return str(error) or "EOF"
