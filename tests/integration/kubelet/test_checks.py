"""Probes against servers on loopback: HTTP in its variants, TCP, gRPC health."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from api import codec
from api.types import Container, Probe
from cluster import pki
from kubelet.probes.checks import Target, check
from kubelet.probes.tracker import Answer, Outcome
from kubelet.runtime.base import Runtime
from tests.support.ports import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(*responses: bytes, seen: list[bytes] | None = None) -> Handler:
    """Answers each connection with the next response (the last one for ever)."""
    left = list(responses)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(request)
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    return handle


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def ask(port: int, **handler: Any) -> Outcome:
    """Run a probe whose port, when it is `http`, is that of the server."""
    container = codec.from_tree(Container, {"name": "main", "ports": [{"name": "http", "containerPort": port}]})
    probe = codec.from_tree(Probe, {"timeoutSeconds": 30, **handler})
    return await check(cast(Runtime, None), probe, Target(container, "id", "127.0.0.1"))


def get(path: str = "/", **more: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http", **more}}


async def test_http_success_and_what_is_sent() -> None:
    seen: list[bytes] = []
    headers = [{"name": "X-Check", "value": "1"}, {"name": "Host", "value": "example.test"}]
    async with serving(answering(response("200 OK", b"fine"), seen=seen)) as port:
        assert await ask(port, **get("/healthz?full=1", httpHeaders=headers)) == Outcome(Answer.SUCCESS, "fine")
    (request,) = seen
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /healthz?full=1 HTTP/1.1"
    sent = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines[1:] if line}
    assert sent["host"] == "example.test"
    assert sent["x-check"] == "1"
    assert sent["user-agent"].startswith("kube-probe/1.")
    assert sent["accept"] == "*/*"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("204 No Content", Answer.SUCCESS),
        ("399 Odd", Answer.SUCCESS),
        ("400 Bad", Answer.FAILURE),
        ("500 No", Answer.FAILURE),
    ],
)
async def test_http_statuses(status: str, answer: Answer) -> None:
    async with serving(answering(response(status))) as port:
        outcome = await ask(port, **get())
    assert outcome.answer is answer
    if answer is Answer.FAILURE:
        assert outcome.output == f"HTTP probe failed with statuscode: {status[:3]}"


async def test_redirects_on_the_same_host_are_followed() -> None:
    hop = response("302 Found", b"", "Location: /other")
    seen: list[bytes] = []
    async with serving(answering(hop, response("200 OK", b"there"), seen=seen)) as port:
        assert await ask(port, **get()) == Outcome(Answer.SUCCESS, "there")
    assert seen[1].startswith(b"GET /other ")


async def test_a_redirect_to_another_host_ends_the_probe_with_a_warning() -> None:
    hop = response("301 Moved", b"gone", "Location: http://elsewhere.test/")
    async with serving(answering(hop)) as port:
        outcome = await ask(port, **get())
    assert outcome.answer is Answer.WARNING
    assert "Probe terminated redirects" in outcome.output


async def test_redirects_without_end_are_given_up() -> None:
    async with serving(answering(response("302 Found", b"", "Location: /again"))) as port:
        outcome = await ask(port, **get())
    assert outcome.answer is Answer.FAILURE
    assert "stopped after 10 redirects" in outcome.output


async def test_a_refused_connection_is_named_as_upstream_does() -> None:
    port = free_port()
    outcome = await ask(port, **get())
    assert outcome.answer is Answer.FAILURE
    url = f"http://127.0.0.1:{port}/"
    assert outcome.output == f'Get "{url}": dial tcp 127.0.0.1:{port}: connect: connection refused'


async def test_a_server_that_says_nothing_times_out() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(silent) as port:
        outcome = await ask(port, **get(), timeoutSeconds=1)
    assert outcome.answer is Answer.FAILURE
    assert "context deadline exceeded" in outcome.output


async def test_a_body_without_end_is_cut_off() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)) as port:
        outcome = await ask(port, **get())
    assert outcome.answer is Answer.SUCCESS
    assert len(outcome.output) == 10 * 1024


async def test_something_that_is_not_http_is_a_failure() -> None:
    async with serving(answering(b"SSH-2.0-OpenSSH\r\n\r\n")) as port:
        assert (await ask(port, **get())).answer is Answer.FAILURE


async def test_https_is_asked_without_verification(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.create_authority(tmp_path, "ca", "anybody", now)
    pair = pki.issue(authority, tmp_path, "server", "wrong.name", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    async with serving(answering(response("200 OK", b"safe")), context) as port:
        assert await ask(port, **get(scheme="HTTPS")) == Outcome(Answer.SUCCESS, "safe")


async def test_tcp() -> None:
    async with serving(answering(b"")) as port:
        assert (await ask(port, tcpSocket={"port": "http"})).answer is Answer.SUCCESS
    port = free_port()
    outcome = await ask(port, tcpSocket={"port": port})
    assert outcome == Outcome(Answer.FAILURE, f"dial tcp 127.0.0.1:{port}: connect: connection refused")


async def test_a_port_nobody_named_cannot_be_asked() -> None:
    outcome = await ask(1, httpGet={"path": "/", "port": "metrics"})
    assert outcome.answer is Answer.ERROR


async def test_grpc_health() -> None:
    servicer = health.HealthServicer()
    server = grpc.aio.server()
    add_HealthServicer_to_server(servicer, server)
    port = free_port()
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        await servicer.set("db", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert (await ask(port, grpc={"port": port})).answer is Answer.SUCCESS
        outcome = await ask(port, grpc={"port": port, "service": "db"})
        assert outcome == Outcome(Answer.FAILURE, 'service unhealthy (responded with "NOT_SERVING")')
    finally:
        await server.stop(None)
    outcome = await ask(port, grpc={"port": port}, timeoutSeconds=1)
    assert outcome.answer is Answer.FAILURE
    assert outcome.output.startswith(f'timeout: failed to connect service "127.0.0.1:{port}" within 1s')
