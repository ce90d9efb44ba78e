"""Kubernetes Status errors over gRPC, both ways: the one place that knows `grpc.RpcError` beside `cluster.client`.

On the wire an error is a gRPC status code (for generic clients) and the Status object as JSON in
trailing metadata (for ours).
"""

from __future__ import annotations

from typing import NoReturn

import grpc
import orjson

from api import errors

STATUS_METADATA = "podling-status-bin"

_PEER_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED)
_CODES_BY_REASON: dict[str, grpc.StatusCode] = {
    "NotFound": grpc.StatusCode.NOT_FOUND,
    "AlreadyExists": grpc.StatusCode.ALREADY_EXISTS,
    "Conflict": grpc.StatusCode.ABORTED,
    "Invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "BadRequest": grpc.StatusCode.INVALID_ARGUMENT,
    "Forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "Unauthorized": grpc.StatusCode.UNAUTHENTICATED,
    "Expired": grpc.StatusCode.OUT_OF_RANGE,
    "Gone": grpc.StatusCode.OUT_OF_RANGE,
    "MethodNotAllowed": grpc.StatusCode.UNIMPLEMENTED,
    "RequestEntityTooLarge": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TooManyRequests": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "Timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "ServerTimeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "ServiceUnavailable": grpc.StatusCode.UNAVAILABLE,
}


async def abort(context: grpc.aio.ServicerContext, error: errors.StatusError) -> NoReturn:
    """End a call with a Status. Always raises (grpc's own abort exception)."""
    code = _CODES_BY_REASON.get(error.reason, grpc.StatusCode.INTERNAL)
    metadata = ((STATUS_METADATA, orjson.dumps(error.to_status())),)
    await context.abort(code, error.message, metadata)
    raise AssertionError("grpc's abort returned")


def from_rpc_error(error: grpc.aio.AioRpcError, what: str) -> errors.StatusError:
    """The Status a failed call carried, or the nearest one. `what` names the callee: "the API server"."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_METADATA and isinstance(value, bytes):
            return errors.from_status(orjson.loads(value))
    code, details = error.code(), error.details() or ""
    # What breaks under gRPC's own hands, or is refused by a server about to stop, carries no Status: the peer is
    # going or gone. (Our own cancelling raises CancelledError.)
    if code in _PEER_GONE:
        return errors.ServiceUnavailable(f"{what} cannot be reached: {details}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.Timeout(f"{what} did not answer in time")
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return errors.Unauthorized(details or "Unauthorized")
    return errors.InternalError(f"{what} failed: {code.name}: {details}")
