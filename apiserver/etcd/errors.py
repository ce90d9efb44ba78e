"""What can go wrong between us and etcd."""

from __future__ import annotations

import re

import grpc

_COMPACTED = "required revision has been compacted"
_FUTURE = "required revision is a future revision"
_TOO_LARGE = "request is too large"
_NO_SPACE = "database space exceeded"
_LEASE_NOT_FOUND = "requested lease not found"
# INTERNAL is gRPC's own, for a connection that broke in the middle of a call; UNKNOWN is what etcd says when it
# does not know either. Only what is surely a refusal may be taken for one.
_TRANSPORT_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
# etcd's own "busy" answers come with UNAVAILABLE or UNKNOWN and say nothing about the outcome.
_UNCERTAIN = re.compile(r"request timed out|leader changed|no leader|server stopped|not healthy")


class EtcdError(Exception):
    """etcd refused a call; nothing was changed."""


class Uncertain(EtcdError):
    """The answer was lost or never came: a write may have been applied, or may yet be."""


class Compacted(EtcdError):
    """The revision asked for is no longer kept."""


class FutureRevision(EtcdError):
    """The revision asked for does not exist yet."""


class RequestTooLarge(EtcdError):
    """The write exceeds etcd's request limit (1.5 MiB by default)."""


class LeaseNotFound(EtcdError):
    """The lease a key was to be attached to has expired."""


class NoSpace(EtcdError):
    """etcd's database is full."""


def translate(error: grpc.aio.AioRpcError) -> EtcdError:
    """The error of ours for a failed call."""
    details = error.details() or error.code().name
    if _COMPACTED in details:
        return Compacted(details)
    if _FUTURE in details:
        return FutureRevision(details)
    if _TOO_LARGE in details or "larger than max" in details:
        return RequestTooLarge(details)
    if _LEASE_NOT_FOUND in details:
        return LeaseNotFound(details)
    if _NO_SPACE in details:
        return NoSpace(details)
    if error.code() in _TRANSPORT_CODES or _UNCERTAIN.search(details):
        return Uncertain(details)
    return EtcdError(details)
