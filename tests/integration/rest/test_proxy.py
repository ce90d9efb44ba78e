"""Requests passed on to a backend on loopback: methods, bodies, paths, redirects, WebSockets, failures."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from apiserver.proxy_targets import Target
from tests.integration.rest.conftest import Door

POD = "/api/v1/namespaces/default/pods/web:8080/proxy"


async def _echo(request: web.Request) -> web.StreamResponse:
    if request.path == "/moved":
        raise web.HTTPFound("/there?x=1")
    if request.path == "/away":
        raise web.HTTPFound("http://elsewhere.example/there")
    if request.path == "/page":
        return web.Response(text='<a href="/there">x</a>', content_type="text/html")
    if request.headers.get("Upgrade") == "websocket":
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        async for message in connection:
            await connection.send_str(message.data.upper())
        return connection
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": body.decode(),
            "headers": {name.lower(): value for name, value in request.headers.items()},
        },
        status=418 if request.path == "/teapot" else 200,
        headers={"X-Backend": "yes", "Connection": "close"},
    )


@pytest.fixture
async def backend(door: Door) -> AsyncIterator[Door]:
    runner = web.AppRunner(application := web.Application(client_max_size=64 << 20))
    application.router.add_route("*", "/{tail:.*}", _echo)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    door.targets.target = Target("http", "127.0.0.1", runner.addresses[0][1])
    yield door
    await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "verb"),
    [("GET", "get"), ("POST", "create"), ("PUT", "update"), ("PATCH", "patch"), ("DELETE", "delete"), ("OPTIONS", "")],
)
async def test_every_method_is_passed_on_whole(backend: Door, method: str, verb: str) -> None:
    data = None if method in ("GET", "OPTIONS") else b"some body"
    path = f"{POD}/a%2Fb/c?x=1&y=%20"
    headers = {"X-Mine": "1", "Content-Type": "text/x", "Connection": "X-Hop", "X-Hop": "1"}
    url = URL(backend.url + path, encoded=True)
    async with backend.admin.request(method, url, data=data, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["X-Backend"] == "yes"
        seen = await answer.json()
    assert (seen["method"], seen["path"], seen["body"]) == (method, "/a%2Fb/c?x=1&y=%20", "some body" if data else "")
    assert (seen["headers"]["x-mine"], seen["headers"]["content-type"]) == ("1", "text/x")
    assert "x-hop" not in seen["headers"]
    assert seen["headers"]["x-forwarded-uri"] == f"{POD}/a%2Fb/c"
    assert backend.targets.asked == [(verb, "pods", "default", "web:8080")]


async def test_a_large_body_streams_through(backend: Door) -> None:
    body = b"x" * (8 << 20)
    async with backend.admin.put(f"{POD}/", data=io.BytesIO(body)) as answer:
        assert answer.status == 200
        assert len((await answer.json())["body"]) == len(body)


async def test_the_callers_credentials_stay_here(backend: Door) -> None:
    headers = {"Authorization": "Bearer jane-token"}
    async with backend.nobody.get(f"{POD}/", headers=headers) as answer:
        seen = await answer.json()
    assert not {"authorization"} & set(seen["headers"])


async def test_whoever_may_not_is_refused(backend: Door) -> None:
    backend.handler.forbidden.add("admin")
    async with backend.admin.get(f"{POD}/") as answer:
        assert answer.status == 403


async def test_the_backends_own_status_comes_back(backend: Door) -> None:
    async with backend.admin.get(f"{POD}/teapot") as answer:
        assert answer.status == 418


async def test_a_path_without_a_slash_is_redirected_for_reads_only(backend: Door) -> None:
    for method in ("GET", "HEAD"):
        async with backend.admin.request(method, f"{POD}?a=b", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, f"{POD}/?a=b")
    async with backend.admin.post(f"{POD}?a=b", allow_redirects=False) as answer:
        assert (await answer.json())["path"] == "/?a=b"


async def test_redirects_stay_below_the_proxied_path(backend: Door) -> None:
    async with backend.admin.get(f"{POD}/moved", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{POD}/there?x=1")
    async with backend.admin.get(f"{POD}/away", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "http://elsewhere.example/there"


async def test_links_in_pages_stay_below_the_proxied_path(backend: Door) -> None:
    async with backend.admin.get(f"{POD}/page") as answer:
        assert await answer.text() == f'<a href="{POD}/there">x</a>'
    async with backend.admin.head(f"{POD}/page") as answer:
        assert answer.status == 200


async def test_web_sockets_are_joined(backend: Door) -> None:
    async with backend.admin.ws_connect(f"{POD}/socket") as connection:
        for word in ("one", "two"):
            await connection.send_str(word)
            message = await connection.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.TEXT, word.upper())


async def test_a_backend_that_is_not_there(door: Door) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        door.targets.target = Target("http", "127.0.0.1", free.getsockname()[1])
        async with door.admin.get(f"{POD}/") as answer:
            assert answer.status == 503
            assert (await answer.text()).startswith("error trying to reach service: ")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.admin.ws_connect(f"{POD}/")
        assert refused.value.status == 503


@asynccontextmanager
async def _resetting(door: Door, said: bytes) -> AsyncIterator[None]:
    """A backend that hears a request out, says something and resets the connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        door.targets.target = Target("http", "127.0.0.1", server.sockets[0].getsockname()[1])
        yield


async def test_an_answer_broken_off_is_broken_off_here_too(door: Door) -> None:
    async with _resetting(door, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"):
        with pytest.raises(aiohttp.ClientError):
            async with door.admin.get(f"{POD}/") as answer:
                await answer.read()


async def test_an_upgrade_that_is_not_answered_is_told(door: Door) -> None:
    async with _resetting(door, b"HTTP/1.1 101 Swi"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.admin.ws_connect(f"{POD}/")
    assert refused.value.status == 500


async def test_nodes_have_no_namespace(backend: Door) -> None:
    async with backend.admin.get("/api/v1/nodes/node-1:9100/proxy/metrics") as answer:
        assert (await answer.json())["path"] == "/metrics"
    assert backend.targets.asked == [("get", "nodes", "", "node-1:9100")]
