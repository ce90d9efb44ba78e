"""Lifecycle hooks against real servers."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from api.types import Container, HTTPGetAction, LifecycleHandler, TCPSocketAction
from kubelet.containers.hooks import HookFailure, run_hook
from kubelet.runtime.base import Runtime


async def test_an_https_hook_of_a_plain_server_is_tried_over_http() -> None:
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        asked.append(line)
        if line.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = LifecycleHandler(http_get=HTTPGetAction(path="/bye", port=port, scheme="HTTPS"))
    async with server:
        await run_hook(cast(Runtime, None), hook, Container(name="main"), "id", "127.0.0.1")
    assert asked[-1] == b"GET /bye HTTP/1.1\r\n" and len(asked) == 2


async def test_a_tcp_hook_fails() -> None:
    hook = LifecycleHandler(tcp_socket=TCPSocketAction(port=1))
    with pytest.raises(HookFailure, match="invalid handler"):
        await run_hook(cast(Runtime, None), hook, Container(name="main"), "id", "127.0.0.1")
