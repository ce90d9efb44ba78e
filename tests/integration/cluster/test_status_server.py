"""The status server over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.status_server import StatusServer, tls_context
from tests.support.polling import eventually
from tests.support.tls import TestAuthority


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@pytest.fixture
async def server(authority: TestAuthority) -> AsyncIterator[tuple[int, dict[str, bool]]]:
    pair = authority.issue("server")
    state = {"ready": True}

    async def page() -> tuple[str, bytes]:
        return "text/plain", b"figures"

    server = StatusServer({"ping": lambda: True}, {"caches": lambda: state["ready"]}, {"/metrics": page})
    await server.start("127.0.0.1", 0, tls_context(authority.ca_file, pair.cert_file, pair.key_file))
    assert server._server is not None
    yield server._server.sockets[0].getsockname()[1], state
    await server.close()


async def get(port: int, path: str, context: ssl.SSLContext, method: str = "GET") -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def test_health_is_for_anyone(authority: TestAuthority, server: tuple[int, dict[str, bool]]) -> None:
    port, _ = server
    for path in ("/healthz", "/livez", "/readyz"):
        assert await get(port, path, authority.client_context()) == (200, "ok")


async def test_a_failing_check_is_named(authority: TestAuthority, server: tuple[int, dict[str, bool]]) -> None:
    port, state = server
    state["ready"] = False
    status, body = await get(port, "/readyz", authority.client_context())
    assert status == 503
    assert "[-]caches failed" in body
    assert (await get(port, "/healthz", authority.client_context()))[0] == 200


async def test_metrics_need_a_certificate(authority: TestAuthority, server: tuple[int, dict[str, bool]]) -> None:
    port, _ = server
    assert (await get(port, "/metrics", authority.client_context()))[0] == 401
    assert await get(port, "/metrics", authority.client_context(authority.issue("someone"))) == (200, "figures")


async def test_unknown_pages_and_methods_are_refused(
    authority: TestAuthority, server: tuple[int, dict[str, bool]]
) -> None:
    port, _ = server
    assert (await get(port, "/nothing", authority.client_context()))[0] == 404
    assert (await get(port, "/healthz", authority.client_context(), "POST"))[0] == 405


async def test_a_certificate_of_another_authority_is_refused(
    authority: TestAuthority, server: tuple[int, dict[str, bool]], tmp_path: Path
) -> None:
    port, _ = server
    stranger = TestAuthority(tmp_path / "other").issue("someone")
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        await get(port, "/metrics", authority.client_context(stranger))


async def test_whose_handshake_ends_after_closing_is_hung_up_on(authority: TestAuthority) -> None:
    pair = authority.issue("server")
    server = StatusServer({"ping": lambda: True}, {}, {})
    await server.start("127.0.0.1", 0, tls_context(authority.ca_file, pair.cert_file, pair.key_file))
    assert server._server is not None
    reader, writer = await asyncio.open_connection(*server._server.sockets[0].getsockname())

    async def accepted() -> bool:
        return server._server._active_count > 0

    await eventually(accepted)
    await server.close()
    with contextlib.suppress(OSError):
        await writer.start_tls(authority.client_context(), server_hostname="localhost")
        assert await asyncio.wait_for(reader.read(), 60) == b""
    assert "status-connection" not in {task.get_name() for task in asyncio.all_tasks()}
    writer.close()


async def test_closing_hangs_up_on_idle_connections(authority: TestAuthority) -> None:
    pair = authority.issue("server")
    server = StatusServer({"ping": lambda: True}, {}, {})
    await server.start("127.0.0.1", 0, tls_context(authority.ca_file, pair.cert_file, pair.key_file))
    assert server._server is not None
    port = server._server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port, ssl=authority.client_context())
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    await server.close()

    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
