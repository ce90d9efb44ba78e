"""nodes/proxy, pods/proxy, services/proxy: a request passed on to what runs in the cluster, its answer passed back.

Bodies stream both ways; upgraded connections (WebSockets) are joined byte by byte. As upstream: a path without a final
slash is redirected for GET and HEAD, the backend's redirects and the links in its HTML pages stay below the proxied
path, pods' and Services' certificates are not checked.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from api import errors
from apiserver.proxy_targets import RESOURCES, ProxyTargets, Target
from apiserver.rest import html_links, replies
from apiserver.rest.byte_transports import UpgradedConnection
from apiserver.rest.call import Call
from apiserver.rest.request_info import RequestInfo

CONNECT_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 512
_CHUNK_BYTES: Final = 64 * 1024
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What the caller showed to us is not the backend's to see.
_OURS: Final = frozenset({"authorization", "host"})
_NOT_OURS_TO_ADD: Final = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)


def is_proxied(info: RequestInfo) -> bool:
    return info.subresource == "proxy" and info.resource in RESOURCES and not info.group


class ProxyEndpoints:
    """`kubelet_tls` shows the API server's certificate and checks kubelets'."""

    def __init__(self, targets: ProxyTargets, kubelet_tls: ssl.SSLContext) -> None:
        self._targets = targets
        self._kubelet_tls = kubelet_tls
        self._unchecked_tls = ssl.create_default_context()
        self._unchecked_tls.check_hostname = False
        self._unchecked_tls.verify_mode = ssl.CERT_NONE
        self._session: aiohttp.ClientSession | None = None

    async def serve(self, call: Call) -> web.StreamResponse:
        """Raises `StatusError` before anything is sent on."""
        info = call.info
        target = await self._targets.locate(call.user, info.verb, info.resource, info.namespace, info.name)
        prefix, path = _split_path(call)
        if hdrs.UPGRADE in call.headers:
            return await self._tunnel(call, target, path or "/")
        if not path and call.request.method in ("GET", "HEAD"):
            return _redirect_to_folder(call, prefix)
        return await self._pass_on(call, target, prefix, path or "/")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _pass_on(self, call: Call, target: Target, prefix: str, path: str) -> web.StreamResponse:
        request = call.request
        headers = _forwarded(call, _HOP_BY_HOP | _OURS | {"content-length"})
        if (length := request.headers.get(hdrs.CONTENT_LENGTH)) is not None:
            headers[hdrs.CONTENT_LENGTH] = length
        try:
            answer = await self._client().request(
                request.method,
                _url(target, path, call.query_text),
                headers=headers,
                data=request.content.iter_chunked(_CHUNK_BYTES) if request.can_read_body else None,
                ssl=self._tls(target),
                server_hostname=target.kubelet or None,
                allow_redirects=False,
                skip_auto_headers=_NOT_OURS_TO_ADD,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return replies.text(f"error trying to reach service: {_reason(error)}", 503)
        async with answer:
            return await _pass_back(request, answer, target, prefix)

    async def _tunnel(self, call: Call, target: Target, path: str) -> web.StreamResponse:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    target.host, target.port, ssl=self._tls(target) or None, server_hostname=target.kubelet or None
                )
        except (TimeoutError, OSError) as error:
            return replies.text(f"error trying to reach service: {_reason(error)}", 503)
        try:
            writer.write(_upgrade_head(call, target, path))
            async with asyncio.timeout(CONNECT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            # Whether the upgrade was granted or refused is for the client to read.
            connection = UpgradedConnection(call.request, head)
            connection.open()
            await _join(connection, reader, writer)
            return connection
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise errors.InternalError(f"the backend did not answer the upgrade: {_reason(error)}") from error
        finally:
            writer.close()

    def _tls(self, target: Target) -> ssl.SSLContext | bool:
        if target.scheme != "https":
            return False
        return self._kubelet_tls if target.kubelet else self._unchecked_tls

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=5),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            # A retry could carry out twice what the caller asked for once.
            self._session._retry_connection = False
        return self._session


async def _pass_back(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, target: Target, prefix: str
) -> web.StreamResponse:
    headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP)
    if (location := headers.get(hdrs.LOCATION)) is not None:
        headers[hdrs.LOCATION] = _below(prefix, location, target)
    page = html_links.decoder(headers) if request.method != "HEAD" else None
    if page is not None:
        for name in (hdrs.CONTENT_LENGTH, hdrs.CONTENT_ENCODING):
            headers.popall(name, None)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    try:
        if page is None:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        else:
            rewriter = html_links.LinkRewriter(lambda url: _below(prefix, url, target))
            async for chunk in answer.content.iter_any():
                for piece in page.feed(chunk):
                    await response.write(rewriter.feed(piece))
            await response.write(rewriter.finish())
    except (aiohttp.ClientError, zlib.error) as error:
        # That this is not all of it, only a connection broken off can tell.
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the backend broke off its answer") from error
    await response.write_eof()
    return response


async def _join(connection: UpgradedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until either side ends."""

    async def towards_backend() -> None:
        while data := await connection.receive():
            writer.write(data)
            await writer.drain()

    async def towards_client() -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await connection.send(data)

    tasks = [asyncio.create_task(towards_backend()), asyncio.create_task(towards_client())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _split_path(call: Call) -> tuple[str, str]:
    """The URL's path up to `proxy`, and what follows, as it was sent (encoded)."""
    path = call.request.raw_path.partition("?")[0]
    segments = 6 if call.info.resource == "nodes" else 8
    parts = path.split("/", segments)
    prefix = "/".join(parts[:segments])
    return prefix, path[len(prefix) :]


def _url(target: Target, path: str, query: str) -> URL:
    return URL(f"{target.scheme}://{target.authority}{path}" + (f"?{query}" if query else ""), encoded=True)


def _forwarded(call: Call, left_out: frozenset[str]) -> CIMultiDict[str]:
    request = call.request
    named = {name.strip().lower() for name in request.headers.get(hdrs.CONNECTION, "").split(",")}
    headers = CIMultiDict(
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in left_out
        and name.lower() not in named
        and not name.lower().startswith(("impersonate-", "x-remote-"))
    )
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if peer:
        headers["X-Forwarded-For"] = ", ".join([*headers.popall("X-Forwarded-For", []), peer[0]])
    headers["X-Forwarded-Host"] = request.headers.get(hdrs.HOST, "")
    headers["X-Forwarded-Proto"] = "https"
    headers["X-Forwarded-Uri"] = call.request.raw_path.partition("?")[0]
    return headers


def _upgrade_head(call: Call, target: Target, path: str) -> bytes:
    request = call.request
    headers = _forwarded(call, _HOP_BY_HOP | _OURS)
    headers[hdrs.HOST] = target.authority
    headers[hdrs.CONNECTION] = "Upgrade"
    headers[hdrs.UPGRADE] = request.headers[hdrs.UPGRADE]
    where = path + (f"?{call.query_text}" if call.query_text else "")
    lines = [f"{request.method} {where} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _redirect_to_folder(call: Call, prefix: str) -> web.StreamResponse:
    reply = replies.text("", 301)
    reply.add_header(hdrs.LOCATION, f"{prefix}/" + (f"?{call.query_text}" if call.query_text else ""))
    return reply


def _below(prefix: str, location: str, target: Target) -> str:
    """A link or redirect of the backend to itself, as the client has to ask for it."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return location
    if parts.netloc and parts.netloc not in (target.authority, target.host):
        return location
    if not parts.path.startswith("/") or parts.path.startswith(f"{prefix}/"):
        return location
    return urlunsplit(("", "", prefix + parts.path, parts.query, parts.fragment))


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
