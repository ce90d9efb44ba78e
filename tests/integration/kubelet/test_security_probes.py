"""Probes ask what a pod's author wants of servers that may answer anything: the kubelet goes on all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from kubelet.probes import http
from kubelet.probes.http import HttpFailure, Request, url_of

SECONDS = 30.0


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[int]:
    """A pod's server on loopback that says the same to everyone; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nfree text"


@pytest.mark.timeout(60)
async def test_a_server_that_switches_protocols_does_not_hold_the_kubelet_up() -> None:
    """The client must not spin on it: no timeout of its own could fire any more."""
    async with server(SWITCHED) as port:
        request = Request(f"http://127.0.0.1:{port}/", (("Upgrade", "x"), ("Connection", "Upgrade")))
        assert (await http.get(request, SECONDS)).status == 101


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "location",
    [b"http://127.0.0.1:99999/", b"http://[broken/", b"http://127.0.0.1:x/"],
)
async def test_a_redirect_to_nonsense_is_a_failure(location: bytes) -> None:
    async with server(REDIRECT % location) as port:
        request = Request(f"http://127.0.0.1:{port}/")
        with pytest.raises(HttpFailure):
            await http.get(request, SECONDS)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda port: Request(url_of("HTTP", "127.0.0.1", port, "/"), (("X", "a\r\nInjected: b"),)),
        lambda port: Request(url_of("HTTP", "127.0.0.1", port, "/"), (("X y", "a"),)),
        lambda port: Request(url_of("HTTP", "a" * 300, port, "/")),
        lambda port: Request(url_of("HTTP", "..", port, "/")),
        lambda port: Request(url_of("HTTP", "[", port, "/")),
        lambda port: Request(url_of("HTTP", "127.0.0.1", 99_999, "/")),
    ],
)
async def test_a_request_that_cannot_be_made_is_a_failure(request_of: Callable[[int], Request]) -> None:
    with pytest.raises(HttpFailure):
        async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
            await http.get(request_of(port), SECONDS)


async def test_a_path_is_only_a_path() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        url = url_of("HTTP", "127.0.0.1", port, "/a b\r\nX: y?q=%20#")
        assert url.endswith("/a%20b%0D%0AX:%20y?q=%20#")
        assert (await http.get(Request(url), SECONDS)).status == 200
