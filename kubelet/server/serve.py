"""The listener: mutual TLS, the PodStreams and NodeUsage services, health and reflection."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from cluster.connection import SERVER_OPTIONS
from cluster.pb.streams_pb2_grpc import add_PodStreamsServicer_to_server
from cluster.pb.usage_pb2_grpc import add_NodeUsageServicer_to_server
from kubelet.server.node_usage import NodeUsage
from kubelet.server.pod_streams import PodStreams
from kubelet.server.storage_relay import StorageRelay

SERVICE = "podling.v1.PodStreams"
USAGE_SERVICE = "podling.v1.NodeUsage"
HEALTH_SERVICE = "grpc.health.v1.Health"
DRAIN_SECONDS = 2.0


class NodeServer:
    """Serves until closed."""

    def __init__(self, streams: PodStreams, relay: StorageRelay | None = None, usage: NodeUsage | None = None) -> None:
        self._health = health.HealthServicer()
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        add_PodStreamsServicer_to_server(streams, self._server)
        add_HealthServicer_to_server(self._health, self._server)
        if relay is not None:
            self._server.add_generic_rpc_handlers((relay,))
        if usage is not None:
            add_NodeUsageServicer_to_server(usage, self._server)
        services = (SERVICE, USAGE_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, self._server)

    async def start(self, host: str, port: int, credentials: grpc.ServerCredentials) -> int:
        """Listen; the port, found where 0 was asked for. Raises OSError when the address cannot be had."""
        return await self.start_at(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", credentials)

    async def start_at(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Listen at an address as gRPC names it, such as `unix-abstract:NAME`. Raises OSError."""
        try:
            bound: int = self._server.add_secure_port(address, credentials)
        except RuntimeError:
            bound = 0
        if not bound:
            raise OSError(f"cannot listen on {address}: is the port taken?")
        await self._server.start()
        for service in ("", SERVICE):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return bound

    async def close(self) -> None:
        """Refuse new calls; those in progress get a moment."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(DRAIN_SECONDS)
