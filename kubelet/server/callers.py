"""Who asks the node over HTTPS, and whether they may: certificates and tokens, decided by the API server's rules.

Source: upstream's pkg/kubelet/server/auth.go and its webhook authentication and authorization, cache times included.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.errors import StatusError
from api.types import (
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
    TokenReview,
    TokenReviewSpec,
)
from cluster.client import Client
from cluster.logs import get_logger
from kubelet.server.authorize import MASTERS

TOKEN_SECONDS = 120.0
ALLOWED_SECONDS = 300.0
DENIED_SECONDS = 30.0
MAX_CACHED = 1000

log = get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """A name and the groups it is in."""

    name: str
    groups: tuple[str, ...] = ()


def of_certificate(peer: Mapping[str, Any] | None) -> Caller | None:
    """The subject of a verified client certificate, as `ssl` gives it."""
    if not peer:
        return None
    names: Sequence[tuple[str, str]] = [pair for part in peer.get("subject", ()) for pair in part]
    common = next((value for kind, value in names if kind == "commonName"), "")
    return Caller(common, tuple(value for kind, value in names if kind == "organizationName"))


def subresources(path: str) -> tuple[str, ...]:
    """What of the node a path asks for; any of them is enough (upstream: fine-grained, then the old one)."""
    first = path.split("/")[1] if path.startswith("/") else ""
    fine = {"pods": "pods", "runningpods": "pods", "healthz": "healthz", "configz": "configz"}
    coarse = {"metrics": "metrics", "stats": "stats", "logs": "log"}
    if first in coarse:
        return (coarse[first],)
    return (fine[first], "proxy") if first in fine else ("proxy",)


class Callers:
    """Asks the API server about tokens and permissions; remembers its answers for a while."""

    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node_name = node_name
        self._tokens: dict[bytes, tuple[float, Caller | None]] = {}
        self._permissions: dict[tuple[Caller, str, str], tuple[float, bool]] = {}

    async def of_token(self, token: str) -> Caller | None:
        """Whose token it is; None when it is nobody's. Raises StatusError."""
        key, now = hashlib.sha256(token.encode()).digest(), time.monotonic()
        known = self._tokens.get(key)
        if known is not None and known[0] > now:
            return known[1]
        review = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        user = review.status.user
        caller = Caller(user.username, tuple(user.groups)) if review.status.authenticated and user else None
        _remember(self._tokens, key, (now + TOKEN_SECONDS, caller))
        return caller

    async def may(self, caller: Caller, verb: str, path: str) -> bool:
        """Whether the caller may ask for a path. Raises StatusError."""
        if MASTERS in caller.groups:
            return True
        for subresource in subresources(path):
            if await self._allowed(caller, verb, subresource):
                return True
        return False

    async def _allowed(self, caller: Caller, verb: str, subresource: str) -> bool:
        key, now = (caller, verb, subresource), time.monotonic()
        known = self._permissions.get(key)
        if known is not None and known[0] > now:
            return known[1]
        wanted = ResourceAttributes(verb=verb, resource="nodes", subresource=subresource, name=self._node_name)
        spec = SubjectAccessReviewSpec(user=caller.name, groups=list(caller.groups), resource_attributes=wanted)
        review = await self._client.create(SubjectAccessReview(spec=spec))
        allowed = review.status.allowed
        _remember(self._permissions, key, (now + (ALLOWED_SECONDS if allowed else DENIED_SECONDS), allowed))
        return allowed


def _remember(cache: dict[Any, Any], key: Any, value: Any) -> None:
    if len(cache) >= MAX_CACHED:
        cache.clear()
    cache[key] = value


async def identify(callers: Callers, peer: Mapping[str, Any] | None, authorization: str) -> Caller | None:
    """Who is behind a request: its certificate's subject, else its token's user; None for nobody known."""
    caller = of_certificate(peer)
    scheme, _, token = authorization.partition(" ")
    if caller is not None or scheme.lower() != "bearer" or not token:
        return caller
    try:
        return await callers.of_token(token.strip())
    except StatusError as error:
        log.warning("could not have a token reviewed", reason=error.message)
        return None
