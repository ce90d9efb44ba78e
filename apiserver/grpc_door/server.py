"""The gRPC listener: services, health and reflection on every address asked for, and an orderly end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from apiserver.auth.authn import Authenticator
from apiserver.grpc_door import objects, pod_streams
from apiserver.grpc_door.identity import Callers
from apiserver.grpc_door.objects import ObjectsService
from apiserver.grpc_door.pod_streams import PodStreamsService
from apiserver.handler import Handler
from apiserver.pod_streams import PodStreams
from cluster.connection import SERVER_OPTIONS

# Calls still running when the server stops get so long to finish.
DRAIN_SECONDS: Final = 5.0
_SERVICES: Final = (objects.SERVICE, pod_streams.SERVICE)


class GrpcDoor:
    def __init__(self, handler: Handler, streams: PodStreams, authenticator: Authenticator) -> None:
        callers = Callers(authenticator)
        self._draining = asyncio.Event()
        self._health = health.HealthServicer()
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        self._server.add_generic_rpc_handlers(
            (
                ObjectsService(handler, callers, self._draining).rpc_handlers(),
                PodStreamsService(streams, callers).rpc_handlers(),
            )
        )
        add_HealthServicer_to_server(self._health, self._server)
        _add_reflection(self._server)

    async def start(self, addresses: Sequence[tuple[str, int]], credentials: grpc.ServerCredentials) -> list[int]:
        """Listen; the ports, found where 0 was asked for. Raises OSError when an address cannot be had."""
        ports = []
        for host, port in addresses:
            _try_address(host, port)
            name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            try:
                ports.append(self._server.add_secure_port(name, credentials))
            except RuntimeError as error:
                raise OSError(f"{name}: {error}") from error
        await self._server.start()
        return ports

    async def serving(self, serving: bool) -> None:
        """What the health service answers, for the whole server and for each service."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *_SERVICES):
            await self._health.set(service, status)

    async def close(self) -> None:
        """Refuse new calls, let those in progress finish for a moment."""
        self._draining.set()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(DRAIN_SECONDS)


def _try_address(host: str, port: int) -> None:
    """Raise an OSError that says why, before gRPC fails on the address in its own words."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from error


def _add_reflection(server: grpc.aio.Server) -> None:
    from grpc_reflection.v1alpha import reflection

    names = (*_SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
