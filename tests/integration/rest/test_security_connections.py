"""Connections that only hold the line are closed: any pod can open them."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from apiserver.rest import connections
from tests.integration.rest.conftest import Door

SOON = 0.3


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", SOON)
    monkeypatch.setattr(connections, "IDLE_SECONDS", SOON)
    monkeypatch.setattr(connections, "MAX_STRANGERS", 5)


async def connect(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", door.server.port, ssl=door.authority.client_context())


async def end(reader: asyncio.StreamReader) -> bytes:
    """What is said until the connection ends."""
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""


@pytest.mark.parametrize("said", [b"", b"GET /version HTTP/1.1\r\nHost: x\r\n"])
async def test_a_client_that_asks_nothing_is_cut_off(door: Door, said: bytes) -> None:
    reader, writer = await connect(door)
    writer.write(said)
    assert await end(reader) == b""
    writer.close()


async def test_a_client_that_has_been_answered_may_wait_a_while(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 20)
    reader, writer = await connect(door)
    writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await end(reader)).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_a_request_that_takes_longer_is_not_cut_off(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    head_seconds = 2.0
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", head_seconds)
    reader, writer = await connect(door)
    writer.write(b"POST /api/v1/namespaces/a/pods HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n")
    writer.write(b"Authorization: Bearer jane-token\r\nContent-Type: application/json\r\n\r\n")
    await asyncio.sleep(head_seconds + SOON)
    writer.write(b"{}")
    assert (await end(reader)).startswith(b"HTTP/1.1 ")
    writer.close()


async def test_one_address_cannot_take_all_connections(door: Door) -> None:
    open_connections = [await connect(door) for _ in range(5)]
    for _ in range(3):
        reader, writer = await connect(door)
        assert await end(reader) == b""
        writer.close()
    async with door.admin.get("/version") as answer:
        assert answer.status == 200
    for reader, writer in open_connections:
        await end(reader)
        writer.close()
    async with door.nobody.get("/version") as answer:
        assert answer.status == 200
