"""What every call of the gRPC door has in common: errors as Status, unexpected failures logged, calls counted."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
from prometheus_client import Counter, Histogram

from api import errors
from cluster import grpc_errors
from cluster.logs import get_logger

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_handled = Counter(
    "grpc_server_handled_total",
    "Calls completed on the server, by reason (OK or a Status reason)",
    ("grpc_service", "grpc_method", "grpc_code"),
)
_seconds = Histogram(
    "grpc_server_handling_seconds",
    "How long unary calls took",
    ("grpc_service", "grpc_method"),
    buckets=_BUCKETS,
)

Unary = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]
Streaming = Callable[[Any, grpc.aio.ServicerContext], AsyncGenerator[Any, None]]

log = get_logger()


def unary(service: str, method: str, serve: Unary) -> Unary:
    """`serve` with its failures turned into Statuses."""
    seconds = _seconds.labels(service, method)
    count = _Outcomes(service, method)

    @functools.wraps(serve)
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        started = time.monotonic()
        try:
            answer = await serve(request, context)
        except Exception as error:
            status = _status_of(error, service, method)
            count(status.reason)
            await grpc_errors.abort(context, status)
        count("OK")
        seconds.observe(time.monotonic() - started)
        return answer

    return call


def streaming(service: str, method: str, serve: Streaming) -> Streaming:
    """`serve`, an asynchronous generator, with its failures turned into Statuses."""
    count = _Outcomes(service, method)

    @functools.wraps(serve)
    async def call(request: Any, context: grpc.aio.ServicerContext) -> AsyncGenerator[Any, None]:
        try:
            # However the client leaves, what serves it is told at once.
            async with aclosing(serve(request, context)) as answers:
                async for answer in answers:
                    yield answer
        except asyncio.CancelledError:
            count("Canceled")
            raise
        except Exception as error:
            status = _status_of(error, service, method)
            count(status.reason)
            await grpc_errors.abort(context, status)
        count("OK")

    return call


class _Outcomes:
    """Counts a method's outcomes; the children are looked up once each."""

    def __init__(self, service: str, method: str) -> None:
        self._labels = (service, method)
        self._children: dict[str, Counter] = {}

    def __call__(self, code: str) -> None:
        child = self._children.get(code)
        if child is None:
            child = self._children[code] = _handled.labels(*self._labels, code or "Unknown")
        child.inc()


def _status_of(error: Exception, service: str, method: str) -> errors.StatusError:
    if isinstance(error, errors.StatusError):
        return error
    log.error("call failed unexpectedly", service=service, method=method, exc_info=error)
    return errors.InternalError("the server failed unexpectedly; its log says why")
