"""Asks other DNS servers what the cluster's zone cannot answer."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

ATTEMPT_SECONDS = 2.0

Server = tuple[str, int]


class Upstream:
    """Servers asked in turn, each question from a port and with an id that cannot be guessed."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = tuple(servers)

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        """The first server's answer to a query, under the query's id; None when none answers."""
        for server in self.servers:
            disguised = os.urandom(2) + query[2:]
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    answer = await (_ask_tcp(server, disguised) if tcp else _ask_udp(server, disguised))
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                continue
            return query[:2] + answer[2:]
        return None


class _Answer(asyncio.DatagramProtocol):
    """Waits for the datagram that answers one query."""

    def __init__(self, query: bytes) -> None:
        self._id = query[:2]
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[:2] == self._id and len(data) >= 12 and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_udp(server: Server, query: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Answer(query), remote_addr=server, family=socket.AF_INET
    )
    try:
        transport.sendto(query)
        return await protocol.answer
    finally:
        transport.close()


async def _ask_tcp(server: Server, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
