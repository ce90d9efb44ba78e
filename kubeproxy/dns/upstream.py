"""Asks other DNS servers what the cluster's zone cannot answer."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence

from kubeproxy.dns.answer_cache import AnswerCache

ATTEMPT_SECONDS = 2.0

Server = tuple[str, int]


class Upstream:
    """Servers asked in turn, each question from a port and with an id that cannot be guessed.

    stubs: servers that are asked instead for the names below a domain; the longest domain that fits counts.
    """

    def __init__(self, servers: Sequence[Server], stubs: Mapping[str, Sequence[Server]] | None = None) -> None:
        self._servers = tuple(servers)
        self._stubs = {domain: tuple(stub) for domain, stub in (stubs or {}).items()}
        self._cache = AnswerCache()

    def servers_for(self, name: str) -> tuple[Server, ...]:
        """Whom to ask about a name (lower case, no final dot); none when nobody is to be asked."""
        labels = name.split(".")
        for start in range(len(labels)):
            stub = self._stubs.get(".".join(labels[start:]))
            if stub is not None:
                return stub
        return self._servers

    async def ask(self, query: bytes, name: str, *, tcp: bool) -> bytes | None:
        """The first server's answer to a query about `name`, under the query's id; None when none answers."""
        now = time.monotonic()
        known = self._cache.get(query, now)
        if known is not None:
            return query[:2] + known
        for server in self.servers_for(name):
            disguised = os.urandom(2) + query[2:]
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    answer = await (_ask_tcp(server, disguised) if tcp else _ask_udp(server, disguised))
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                continue
            self._cache.put(query, answer[2:], now)
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
