"""Logs, exec, attach and port-forward over every carrier clients use."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from api import errors
from apiserver.rest import command_spdy, spdy
from cluster.pb import streams_pb2 as pb
from tests.integration.rest.conftest import Door
from tests.support.spdy import SpdyClient

POD = "/api/v1/namespaces/default/pods/p"
EXEC = f"{POD}/exec?command=sh&stdin=true&stdout=true&stderr=true"


async def test_logs(door: Door) -> None:
    door.streams.log_chunks = [b"one\n", b"two\n"]
    async with door.admin.get(f"{POD}/log?container=c&tailLines=5&sinceTime=2026-01-01T00:00:00Z&previous=true") as log:
        assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await log.text() == "one\ntwo\n"
    expected = pb.LogsRequest(
        namespace="default", pod="p", container="c", tail_lines=5, since_time="2026-01-01T00:00:00Z", previous=True
    )
    assert door.streams.log_requests == [expected]


async def test_an_empty_log(door: Door) -> None:
    async with door.admin.get(f"{POD}/log") as log:
        assert (log.status, await log.read()) == (200, b"")


async def test_a_silent_followed_log_gets_its_headers_and_ends_with_the_client(door: Door) -> None:
    async with door.admin.get(f"{POD}/log?follow=true") as log:
        assert log.status == 200
        log.close()
    await asyncio.wait_for(door.streams.left.wait(), 60)


@pytest.mark.parametrize(
    ("protocols", "messages"),
    [((), [b"", b"one\n", b"two\n"]), (("binary.k8s.io",), [b"", b"one\n", b"two\n"])],
)
async def test_logs_over_a_websocket(door: Door, protocols: tuple[str, ...], messages: list[bytes]) -> None:
    door.streams.log_chunks = [b"one\n", b"two\n"]
    async with door.admin.ws_connect(f"{POD}/log", protocols=protocols) as socket:
        assert [message.data async for message in socket] == messages
        assert (socket.protocol, socket.close_code) == (protocols[0] if protocols else None, 1000)


async def test_logs_over_a_websocket_as_text(door: Door) -> None:
    door.streams.log_chunks = [b"one\n", errors.InternalError("kubelet went away")]
    async with door.admin.ws_connect(f"{POD}/log", protocols=("base64.binary.k8s.io",)) as socket:
        assert [base64.b64decode(message.data) async for message in socket] == [b"", b"one\n"]
        assert socket.close_code == aiohttp.WSCloseCode.INTERNAL_ERROR


async def test_a_silent_log_over_a_websocket_ends_with_the_client(door: Door) -> None:
    async with door.admin.ws_connect(f"{POD}/log?follow=true") as socket:
        assert await socket.receive_bytes(timeout=60) == b""
    await asyncio.wait_for(door.streams.left.wait(), 60)


async def test_a_log_that_cannot_be_had_is_no_websocket(door: Door) -> None:
    door.streams.log_chunks = [errors.BadRequest("a container name must be specified for pod p")]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await door.admin.ws_connect(f"{POD}/log")
    assert refusal.value.status == 400


async def test_log_errors(door: Door) -> None:
    door.streams.log_chunks = [errors.BadRequest("a container name must be specified for pod p")]
    async with door.admin.get(f"{POD}/log") as log:
        assert (log.status, (await log.json())["reason"]) == (400, "BadRequest")
    async with door.admin.get(f"{POD}/log?tailLines=-1&limitBytes=0&sinceSeconds=0") as log:
        status = await log.json()
    assert (log.status, [cause["field"] for cause in status["details"]["causes"]]) == (
        422,
        ["tailLines", "limitBytes", "sinceSeconds"],
    )
    door.streams.log_chunks = [b"one\n", errors.InternalError("kubelet went away")]
    with pytest.raises(aiohttp.ClientPayloadError):
        async with door.admin.get(f"{POD}/log") as log:
            await log.read()


class Commands:
    """Reads the channels of a socket until its outcome."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.channels: dict[int, bytes] = {}

    async def until_outcome(self) -> Any:
        while not self.channels.get(3):
            message = await self.socket.receive(timeout=60)
            if message.type is aiohttp.WSMsgType.BINARY:
                channel, data = message.data[0], message.data[1:]
            else:
                channel, data = int(message.data[0]), base64.b64decode(message.data[1:])
            self.channels[channel] = self.channels.get(channel, b"") + data
        return json.loads(self.channels[3])


async def test_exec_v5_closes_stdin_by_signal(door: Door) -> None:
    door.streams.exit = pb.ExitStatus(code=3)
    async with door.admin.ws_connect(EXEC, protocols=("v5.channel.k8s.io",)) as socket:
        assert socket.protocol == "v5.channel.k8s.io"
        await socket.send_bytes(b"\x04" + b'{"Width":80,"Height":24}')
        await socket.send_bytes(b"\x00abc")
        await socket.send_bytes(b"\xff\x00")
        commands = Commands(socket)
        outcome = await commands.until_outcome()
        assert (await socket.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE
    assert commands.channels[1] == b"hello\nABC"
    assert commands.channels[2] == b"oops\n"
    assert outcome["reason"] == "NonZeroExitCode"
    assert outcome["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert door.streams.sizes == [(80, 24)]
    (start,) = door.streams.starts
    assert (list(start.command), start.stdin, start.tty) == (["sh"], True, False)


async def test_text_messages_count_as_bytes(door: Door) -> None:
    """The PyPI client sends text to the binary protocols."""
    async with door.admin.ws_connect(EXEC, protocols=("v4.channel.k8s.io",)) as socket:
        await socket.send_str("\x00abc")
        await socket.send_str("\x00exit")
        commands = Commands(socket)
        await commands.until_outcome()
        assert commands.channels[1] == b"hello\nABC"


async def test_exec_v4_and_base64(door: Door) -> None:
    async with door.admin.ws_connect(EXEC, protocols=("v4.channel.k8s.io",)) as socket:
        await socket.send_bytes(b"\x00exit")
        assert (await Commands(socket).until_outcome()) == {"metadata": {}, "status": "Success"}
    async with door.admin.ws_connect(EXEC, protocols=("v4.base64.channel.k8s.io",)) as socket:
        await socket.send_str("0" + base64.b64encode(b"abc").decode())
        await socket.send_str("0" + base64.b64encode(b"exit").decode())
        commands = Commands(socket)
        assert (await commands.until_outcome())["status"] == "Success"
        assert commands.channels[1] == b"hello\nABC"


async def test_a_terminal_has_one_output(door: Door) -> None:
    async with door.admin.ws_connect(f"{POD}/attach?stdout=true&stderr=true&tty=true") as socket:
        async for _ in socket:
            pass
    (start,) = door.streams.starts
    assert (start.tty, start.stderr) == (True, False)


async def test_a_client_that_leaves_ends_the_exec(door: Door) -> None:
    async with door.admin.ws_connect(EXEC, protocols=("v5.channel.k8s.io",)) as socket:
        await socket.receive(timeout=60)
    await asyncio.wait_for(door.streams.left.wait(), 60)


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        (f"{POD}/exec?stdout=true", 400, "you must specify at least 1 command for the container"),
        (f"{EXEC}&container=absent", 400, "Upgrade request required"),
        (f"{POD}/exec?command=ls", 400, "you must specify at least 1 of stdin, stdout, stderr"),
        (EXEC, 400, "Upgrade request required"),
        (f"{POD}/portforward".replace("/p/", "/absent/"), 404, 'pods "absent" not found'),
        (f"{POD}/portforward", 400, "Upgrade request required"),
    ],
)
async def test_refusals_come_before_the_upgrade(door: Door, url: str, code: int, message: str) -> None:
    async with door.admin.get(url) as answer:
        assert (answer.status, (await answer.json())["message"]) == (code, message)


@pytest.mark.parametrize("pod", ["p", "absent"])
async def test_a_refusal_by_the_registry_comes_before_the_upgrade(door: Door, client: SpdyClient, pod: str) -> None:
    url = f"{EXEC}&container=absent".replace("/p/", f"/{pod}/")
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await door.admin.ws_connect(url, protocols=("v5.channel.k8s.io",))
    assert caught.value.status == (404 if pod == "absent" else 400)
    with pytest.raises(ConnectionRefusedError, match=str(caught.value.status)):
        await client.upgrade("POST", url, "v4.channel.k8s.io")


@pytest.fixture
async def client(door: Door) -> AsyncIterator[SpdyClient]:
    client = SpdyClient("127.0.0.1", door.server.port, door.context("spdy"))
    yield client
    await client.close()


async def test_exec_over_spdy(door: Door, client: SpdyClient) -> None:
    headers = await client.upgrade("POST", EXEC, "v4.channel.k8s.io", "v3.channel.k8s.io")
    assert headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
    streams = {kind: await client.open({"streamtype": kind}) for kind in ("error", "stdin", "stdout", "stderr")}
    await client.send(streams["stdin"], b"abc", end=True)
    assert json.loads(await client.read_all(streams["error"])) == {"metadata": {}, "status": "Success"}
    assert await client.read_all(streams["stdout"]) == b"hello\nABC"
    assert await client.read_all(streams["stderr"]) == b"oops\n"


async def test_a_client_that_opens_too_few_streams(
    door: Door, client: SpdyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_spdy, "STREAMS_SECONDS", 2.0)
    await client.upgrade("POST", EXEC, "v4.channel.k8s.io")
    await client.open({"streamtype": "error"})
    await client.until_closed()
    await asyncio.wait_for(door.streams.left.wait(), 60)


async def test_no_common_spdy_protocol(door: Door, client: SpdyClient) -> None:
    with pytest.raises(ConnectionRefusedError, match="403"):
        await client.upgrade("POST", EXEC, "v9.channel.k8s.io")


@pytest.mark.parametrize("tunnelled", [True, False])
async def test_port_forward_over_spdy(door: Door, client: SpdyClient, tunnelled: bool) -> None:
    if tunnelled:
        await client.tunnel(door.admin, f"{POD}/portforward", "SPDY/3.1+portforward.k8s.io")
    else:
        await client.upgrade("POST", f"{POD}/portforward", "portforward.k8s.io")
    pairs = []
    for number in range(3):
        common = {"port": "80", "requestid": str(number)}
        error = await client.open({"streamtype": "error", **common}, end=True)
        pairs.append((error, await client.open({"streamtype": "data", **common})))
    payload = bytes(range(256)) * 2_000
    for error, data in reversed(pairs):
        await client.send(data, payload, end=True)
        assert await client.read_all(data) == payload
        assert await client.read_all(error) == b""


async def test_a_port_that_cannot_be_reached(door: Door, client: SpdyClient) -> None:
    await client.upgrade("POST", f"{POD}/portforward", "portforward.k8s.io")
    for port, expected in (("1", b"connection refused"), ("x", b"unable to parse")):
        common = {"port": port, "requestid": port}
        error = await client.open({"streamtype": "error", **common}, end=True)
        data = await client.open({"streamtype": "data", **common})
        await client.send(data, b"dropped" * 10_000)
        assert expected in await client.read_all(error)
        assert await client.read_all(data) == b""


async def test_what_is_no_spdy_closes_the_connection(door: Door, client: SpdyClient) -> None:
    await client.upgrade("POST", f"{POD}/portforward", "portforward.k8s.io")
    await client.write(b"\x80\x02\x00\x01" + bytes(64))
    await client.until_closed()


async def test_port_forward_over_websocket_channels(door: Door) -> None:
    url = f"{POD}/portforward?ports=80,8080"
    async with door.admin.ws_connect(url, protocols=("v4.channel.k8s.io",)) as socket:
        announced = [(await socket.receive(timeout=60)).data for _ in range(4)]
        assert announced == [b"\x00P\x00", b"\x01P\x00", b"\x02\x90\x1f", b"\x03\x90\x1f"]
        await socket.send_bytes(b"\x02hello")
        assert (await socket.receive(timeout=60)).data == b"\x02hello"
        await socket.send_bytes(b"\x00again")
        assert (await socket.receive(timeout=60)).data == b"\x00again"
    async with door.admin.get(f"{POD}/portforward?ports=x", headers={"Upgrade": "websocket"}) as answer:
        assert answer.status == 400


def test_reset_streams_are_forgotten() -> None:
    framer = spdy.Framer()
    assert framer.receive(framer.reset(3)) == [spdy.StreamReset(3)]
