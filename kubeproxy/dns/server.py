"""The DNS server's sockets: UDP and TCP on one address, answers from the resolver, the rest from upstream."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from dnslib import RCODE, DNSHeader, DNSQuestion, DNSRecord
from dnslib.dns import DNSError
from prometheus_client import Counter

from kubeproxy.dns.messages import encode, failure
from kubeproxy.dns.resolver import TCP_BYTES, Elsewhere, Resolver
from kubeproxy.dns.upstream import Upstream

MAX_FORWARDED = 500
MAX_CONNECTIONS = 200
IDLE_SECONDS = 10.0
RECEIVE_BUFFER_BYTES = 1 << 20

queries_total = Counter("kubeproxy_dns_queries_total", "DNS queries received", ["transport"])
forwarded_total = Counter("kubeproxy_dns_forwarded_total", "DNS queries that were passed on, by outcome", ["outcome"])


class DnsServer:
    """Serves one address until closed."""

    def __init__(self, resolver: Resolver, upstream: Upstream) -> None:
        self._resolver = resolver
        self._upstream = upstream
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._forwarding: set[asyncio.Task[None]] = set()
        self._conversations: set[asyncio.Task[None]] = set()

    async def start(self, udp: socket.socket, tcp: socket.socket) -> None:
        """Answer on a bound and a listening socket, which are now ours. Raises OSError when they are not such."""
        loop = asyncio.get_running_loop()
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        for each in (udp, tcp):
            each.setblocking(False)
        await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        self._server = await asyncio.start_server(self._connected, sock=tcp)

    @property
    def port(self) -> int:
        """The port listened on."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    async def close(self) -> None:
        """Stop listening and give up what is being forwarded."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        tasks = (*self._forwarding, *self._conversations)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def opened(self, transport: asyncio.DatagramTransport) -> None:
        """Datagrams are about to come: an inherited socket may hold some already."""
        self._transport = transport

    def received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a datagram, now or when upstream has."""
        assert self._transport is not None
        answer = self._resolver.answer_udp(data)
        if isinstance(answer, bytes):
            self._transport.sendto(answer, address)
        elif answer is not None:
            task = asyncio.create_task(self._forward_datagram(answer, data, address), name="dns-forward")
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)

    async def _forward_datagram(self, elsewhere: Elsewhere, data: bytes, address: tuple[str, int]) -> None:
        answer = await self._ask_elsewhere(elsewhere, data, tcp=False)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, address)

    async def _ask_elsewhere(self, elsewhere: Elsewhere, data: bytes, *, tcp: bool) -> bytes:
        """What upstream says, after the aliases that led there; an error code when it says nothing."""
        question, aliases = elsewhere.question, elsewhere.aliases
        limit = TCP_BYTES if tcp else question.size
        if not self._upstream.servers_for(elsewhere.name):
            forwarded_total.labels("refused").inc()
            return encode(question, aliases, (), limit=limit) if aliases else failure(question, RCODE.REFUSED)
        if len(self._forwarding) > MAX_FORWARDED:
            forwarded_total.labels("overload").inc()
            return failure(question, RCODE.SERVFAIL)
        if aliases:
            asked = DNSQuestion(elsewhere.name, question.type)
            data = bytes(DNSRecord(DNSHeader(rd=1), q=asked).pack())
        answer = await self._upstream.ask(data, elsewhere.name, tcp=tcp)
        forwarded_total.labels("answered" if answer else "unanswered").inc()
        if answer is None:
            return failure(question, RCODE.SERVFAIL)
        if not aliases:
            return answer
        try:
            found = DNSRecord.parse(answer)
        except DNSError:
            return failure(question, RCODE.SERVFAIL)
        return encode(question, aliases, (), limit=limit, code=found.header.rcode, foreign=found.rr)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's, cancelled by a process that stops, logs that as an error (until Python 3.12).
        conversation = asyncio.create_task(self._serve_tcp(reader, writer), name="dns-connection")
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while len(self._conversations) <= MAX_CONNECTIONS:
                async with asyncio.timeout(IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    data = await reader.readexactly(length)
                _tcp_queries.inc()
                answer = self._resolver.answer_tcp(data)
                if isinstance(answer, Elsewhere):
                    answer = await self._ask_elsewhere(answer, data, tcp=True)
                if answer is None:
                    break
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            pass  # the client is done, or gone
        finally:
            writer.close()


def open_sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a listening TCP socket on one address. Raises OSError when it cannot be had."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.bind((host, port))
        # With port 0, TCP takes the port that UDP was given.
        tcp = socket.create_server((host, udp.getsockname()[1]), backlog=MAX_CONNECTIONS)
    except OSError:
        udp.close()
        raise
    return udp, tcp


_udp_queries = queries_total.labels("udp")
_tcp_queries = queries_total.labels("tcp")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._server.opened(cast(asyncio.DatagramTransport, transport))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        _udp_queries.inc()
        self._server.received(data, addr)
