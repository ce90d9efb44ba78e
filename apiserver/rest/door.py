"""One request from its arrival to its answer: who asks, what for, may they, then the endpoint.

Upstream's handler chain in one place: audit id, authentication, impersonation, limits, routing, errors, metrics.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import prometheus_client
from aiohttp import web

from api import errors
from apiserver.handler import Handler
from apiserver.requests import Attributes
from apiserver.rest import finishing, metrics, objects, query, replies, request_info
from apiserver.rest.call import Call
from apiserver.rest.connections import Connections
from apiserver.rest.discovery import DiscoveryEndpoints
from apiserver.rest.health import ENDPOINTS as HEALTH
from apiserver.rest.health import HealthEndpoints
from apiserver.rest.identity import Identities
from apiserver.rest.inflight import InFlightLimit
from apiserver.rest.issuer import CONFIGURATION_PATH, KEYS_PATH, IssuerEndpoints
from apiserver.rest.objects import ObjectEndpoints
from apiserver.rest.openapi import OpenAPIEndpoints
from apiserver.rest.pods import SUBRESOURCES as POD_STREAMS
from apiserver.rest.pods import PodEndpoints
from apiserver.rest.proxy import ProxyEndpoints, is_proxied
from apiserver.rest.replies import Reply
from apiserver.rest.request_info import RequestInfo
from cluster.logs import get_logger

MAX_READS: Final = 400
MAX_WRITES: Final = 200
_READS: Final = frozenset({"GET", "HEAD"})
_PATHS: Final = (
    CONFIGURATION_PATH,
    "/api",
    "/apis",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    KEYS_PATH,
    "/readyz",
    "/version",
)

log = get_logger()


class Door:
    """What aiohttp calls with every request."""

    def __init__(
        self,
        handler: Handler,
        connections: Connections,
        identities: Identities,
        pods: PodEndpoints,
        proxy: ProxyEndpoints,
        discovery: DiscoveryEndpoints,
        health: HealthEndpoints,
        issuer: IssuerEndpoints,
    ) -> None:
        self._handler = handler
        self._connections = connections
        self._identities = identities
        self._objects = ObjectEndpoints(handler)
        self._pods = pods
        self._proxy = proxy
        self._discovery = discovery
        self._health = health
        self._issuer = issuer
        self._openapi = OpenAPIEndpoints()
        self._audit_ids = replies.AuditIds()
        self._reads = InFlightLimit("readOnly", MAX_READS)
        self._writes = InFlightLimit("mutating", MAX_WRITES)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.monotonic()
        path, _, query_text = _target(request.raw_path).partition("?")
        watch = "watch" in query_text and query.flag(query.parse(query_text), "watch")
        info = request_info.parse(request.method, path, watch=watch)
        call = Call(request, info, query_text, self._audit_ids.next())
        try:
            self._identities.identify(call)
            answer = await self._limited(call)
        except errors.StatusError as error:
            answer = replies.failure(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request failed unexpectedly", method=request.method, path=path, audit_id=call.audit_id)
            answer = replies.failure(errors.InternalError("the server failed unexpectedly; its log says why"))
        if isinstance(answer, Reply):
            finishing.encode(call, answer)
            if finishing.is_to_compress(call, answer):
                await finishing.compress(answer)
        self._count(call, answer.status, time.monotonic() - started)
        return answer

    async def _limited(self, call: Call) -> web.StreamResponse:
        """Serve the call within the limits; watches and streams, which may last for hours, are not counted."""
        info = call.info
        if metrics.is_long_running(info):
            running = metrics.kind_of(info, dry_run=False, known=True).long_running
            with running.track_inprogress(), self._connections.streaming(call.request.protocol):
                return await self._serve(call)
        limit = self._reads if call.request.method in _READS else self._writes
        if not limit.try_enter():
            await limit.wait()
        try:
            return await self._serve_in_time(call)
        finally:
            limit.leave()

    async def _serve_in_time(self, call: Call) -> web.StreamResponse:
        """As `_serve`, within the time the client gives a read. A write is carried through: it may be done already."""
        seconds = query.timeout_seconds(call.query) if "timeout=" in call.query_text else None
        if seconds is None or call.request.method not in _READS:
            return await self._serve(call)
        try:
            async with asyncio.timeout(seconds):
                return await self._serve(call)
        except TimeoutError:
            message = "request did not complete within requested timeout - context deadline exceeded"
            raise errors.Timeout(message) from None

    async def _serve(self, call: Call) -> web.StreamResponse:
        info = call.info
        if not info.resource:
            return self._serve_path(call)
        if is_proxied(info):
            call.known = True
            return await self._proxy.serve(call)
        resource = objects.find_resource(info)
        refusal = self._objects.refuse_unrouted(call, resource)
        if refusal is not None or resource is None:
            return refusal or replies.not_found_page()
        call.known = True
        if not resource.namespaced:
            # A Namespace object is addressed through its own namespace; to the registry it has none.
            info.namespace = ""
        if info.subresource in POD_STREAMS and info.resource == "pods":
            return await self._pods.serve(call)
        return await self._objects.serve(call, resource)

    def _serve_path(self, call: Call) -> Reply:
        info = call.info
        path = info.path.rstrip("/") or "/"
        first = path.split("/", 2)[1]
        if first in HEALTH:
            # Always allowed, so that health can be asked for before any role exists (as upstream).
            # By its full path only: anybody may ask, and each path counted takes memory.
            call.known = path in _PATHS
            return self._health.serve(call)
        self._handler.authorize(Attributes(call.user, info.verb, path=info.path))
        if call.request.method not in _READS:
            return replies.failure(errors.generic(405))
        call.known = path in _PATHS
        return self._page(call, path, first)

    def _page(self, call: Call, path: str, first: str) -> Reply:
        if path == "/version":
            return self._discovery.version()
        if path == "/metrics":
            return _metrics_page()
        if path == CONFIGURATION_PATH:
            return self._issuer.configuration()
        if path == KEYS_PATH:
            return self._issuer.keys()
        if path == "/":
            return replies.document({"paths": list(_PATHS)})
        if first in ("api", "apis"):
            return self._discovery.serve(call)
        if first == "openapi":
            return self._openapi.serve(call)
        return replies.not_found_page()

    def _count(self, call: Call, status: int, seconds: float) -> None:
        info: RequestInfo = call.info
        dry_run = bool(call.query_text) and "dryRun" in call.query_text
        metrics.kind_of(info, dry_run=dry_run, known=call.known).count(status, seconds)


def _target(raw: str) -> str:
    """The path and query of a request target, which may be a whole URL, or no path at all (`*`, HOST:PORT)."""
    if raw.startswith("/"):
        return raw
    return "/" + (raw.partition("://")[2].partition("/")[2] if "://" in raw else raw)


def _metrics_page() -> Reply:
    return Reply(prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST)
