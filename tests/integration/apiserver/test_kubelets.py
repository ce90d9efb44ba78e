"""Connections to kubelets: a node that lost its power and came back serves the first stream asked of it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc

from api import codec
from api.types import Node
from apiserver.kubelets import Kubelets
from cluster.connection import Connection, server_credentials
from cluster.pb import streams_pb2 as pb
from cluster.pb.streams_pb2_grpc import PodStreamsServicer, add_PodStreamsServicer_to_server
from tests.support.tls import TestAuthority

RESET = struct.pack("ii", 1, 0)


class Streams(PodStreamsServicer):  # type: ignore[misc]
    async def Logs(self, request: pb.LogsRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.LogChunk]:
        yield pb.LogChunk(data=b"a line\n")


class Power:
    """Between client and kubelet; once cut, what is sent over earlier connections is answered by a reset."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cuts = 0

    def cut(self) -> None:
        self._cuts += 1

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        since = self._cuts
        with closing(writer):
            there, onward = await asyncio.open_connection("127.0.0.1", self._port)
            back = asyncio.create_task(self._back(there, writer, since))
            with closing(onward):
                while data := await reader.read(65536):
                    if self._cuts != since:
                        connection = writer.get_extra_info("socket")
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        break
                    onward.write(data)
            back.cancel()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, since: int) -> None:
        while (data := await there.read(65536)) and self._cuts == since:
            writer.write(data)


@asynccontextmanager
async def a_kubelet(authority: TestAuthority) -> AsyncIterator[int]:
    own = authority.issue("kubelet", sans=("n1",))
    server = grpc.aio.server()
    add_PodStreamsServicer_to_server(Streams(), server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(authority.ca_file, own.cert_file, own.key_file))
    await server.start()
    yield port
    await server.stop(None)


async def test_the_first_stream_after_a_power_failure_is_served(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    caller = authority.issue("apiserver")
    async with a_kubelet(authority) as port:
        power = Power(port)
        relay = await asyncio.start_server(power.relay, "127.0.0.1", 0)
        endpoint = {"kubeletEndpoint": {"Port": relay.sockets[0].getsockname()[1]}}
        status = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": endpoint}
        node = codec.from_tree(Node, {"metadata": {"name": "n1"}, "status": status})
        identity = Connection("", authority.ca_file, caller.cert_file, caller.key_file)
        kubelets = Kubelets(lambda name: node, identity)
        try:
            for _ in range(3):
                assert [data async for data in kubelets.logs("n1", pb.LogsRequest())] == [b"a line\n"]
                power.cut()
        finally:
            await kubelets.close()
            relay.close()
