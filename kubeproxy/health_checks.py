"""The health-check ports of Services that keep outside traffic on the node: does this node have an endpoint of theirs?

Behaviour: upstream's service health server: GET of any path answers 200 when there is one, 503 when not, with the same
JSON. A load balancer outside asks; it brings no certificate.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

import h11

from cluster.logs import get_logger
from cluster.status_server import Response, converse
from kubeproxy.pending import ServiceKey

log = get_logger()


class HealthChecks:
    """`local_endpoints(key)` is asked at every request; `healthy` says whether this node's rules are in place."""

    def __init__(self, local_endpoints: Callable[[ServiceKey], int], healthy: Callable[[], bool]) -> None:
        self._local_endpoints = local_endpoints
        self._healthy = healthy
        self._servers: dict[int, tuple[ServiceKey, asyncio.Server]] = {}

    async def serve(self, wanted: Mapping[int, ServiceKey]) -> None:
        """Listen on these ports, each for its Service, and on no others."""
        for port, (key, server) in list(self._servers.items()):
            if wanted.get(port) != key:
                server.close()
                del self._servers[port]
        for port, key in wanted.items():
            if port in self._servers:
                continue
            try:
                self._servers[port] = key, await self._listen(port, key)
            except OSError as error:
                log.warning("cannot serve a health check", service="/".join(key), port=port, reason=str(error))

    async def close(self) -> None:
        await self.serve({})

    async def _listen(self, port: int, key: ServiceKey) -> asyncio.Server:
        async def answer(_request: h11.Request) -> Response:
            return self._answer(key)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await converse(reader, writer, answer)

        return await asyncio.start_server(connected, "0.0.0.0", port, reuse_address=True)

    def _answer(self, key: ServiceKey) -> Response:
        count, healthy = self._local_endpoints(key), self._healthy()
        body = {
            "service": {"namespace": key[0], "name": key[1]},
            "localEndpoints": count,
            "serviceProxyHealthy": healthy,
        }
        return Response(200 if count and healthy else 503, "application/json", json.dumps(body).encode() + b"\n")
