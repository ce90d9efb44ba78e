"""The stream to the proxy: gRPC on a Unix socket. What to say is `conversation`'s to decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from cluster.logs import get_logger
from cluster.pb import xds_pb2 as pb
from cluster.pb import xds_pb2_grpc as pb_grpc
from ingress import metrics
from ingress.xds.conversation import Conversation
from ingress.xds.resource import Snapshot

GRACE_SECONDS = 0.2

log = get_logger()


class _Stream:
    """A conversation under way, and what wakes its writer."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.awake = asyncio.Event()


class DiscoveryServer(pb_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """Tells every proxy that asks what the newest snapshot says."""

    def __init__(self) -> None:
        self._snapshot: Snapshot = {}
        self._streams: set[_Stream] = set()

    @property
    def in_sync(self) -> bool:
        """Whether there is a proxy, and it has all that was published."""
        return any(stream.conversation.settled(self._snapshot) for stream in self._streams)

    def publish(self, snapshot: Snapshot) -> None:
        """What proxies are to know from now on."""
        self._snapshot = snapshot
        for stream in self._streams:
            stream.awake.set()

    async def DeltaAggregatedResources(
        self, requests: AsyncIterator[pb.DeltaDiscoveryRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.DeltaDiscoveryResponse]:
        stream = _Stream()
        self._streams.add(stream)
        log.info("the proxy connected")
        reader = asyncio.create_task(_read(requests, stream), name="xds-requests")
        try:
            while not reader.done():
                stream.awake.clear()
                while (response := stream.conversation.advance(self._snapshot)) is not None:
                    yield response
                await stream.awake.wait()
            reader.result()
        finally:
            reader.cancel()
            self._streams.discard(stream)
            log.info("the proxy hung up")


async def _read(requests: AsyncIterator[pb.DeltaDiscoveryRequest], stream: _Stream) -> None:
    try:
        async for request in requests:
            refused = stream.conversation.receive(request)
            if refused:
                metrics.refused_total.inc()
                log.error("the proxy refused a part of its configuration", type=request.type_url, reason=refused)
            stream.awake.set()
    finally:
        stream.awake.set()


async def serve(server: DiscoveryServer, socket: Path) -> grpc.aio.Server:
    """Listen. Raises OSError or RuntimeError when the socket cannot be had."""
    listener = grpc.aio.server()
    pb_grpc.add_AggregatedDiscoveryServiceServicer_to_server(server, listener)
    _clear(socket)
    listener.add_insecure_port(f"unix:{socket}")
    await listener.start()
    return listener


def _clear(socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.unlink(missing_ok=True)
