"""Service-account tokens of pods, bound to the pod and renewed in time (upstream: pkg/kubelet/token)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from api import timestamps
from api.errors import StatusError
from api.types import (
    BoundObjectReference,
    ObjectMeta,
    Pod,
    ServiceAccountTokenProjection,
    TokenRequest,
    TokenRequestSpec,
    TokenRequestStatus,
)
from cluster.client import Client
from kubelet.patience import patiently
from kubelet.volumes.failure import VolumeFailure

DEFAULT_EXPIRATION_SECONDS = 3600
REFRESH_SHARE = 0.8
MAX_AGE_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when to ask for the next, in seconds since the epoch."""

    text: str
    refresh_at: float


def refresh_at(expires_at: float, lifetime_seconds: float, now: float) -> float:
    """When a token is renewed: after 80 % of its life, or a day."""
    return min(expires_at - (1 - REFRESH_SHARE) * lifetime_seconds, now + MAX_AGE_SECONDS)


class Tokens:
    """Asks the API server for tokens."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def request(self, pod: Pod, projection: ServiceAccountTokenProjection, now: float) -> Token:
        """A new token for the pod's service account. Raises VolumeFailure."""
        lifetime = projection.expiration_seconds or DEFAULT_EXPIRATION_SECONDS
        status = await self.issue(pod, projection.audience, lifetime)
        expires_at = timestamps.parse_or(status.expiration_timestamp, now + lifetime)
        # Up to ten seconds of jitter keep the pods of a node from asking all at once.
        jitter = random.uniform(0, min(10.0, lifetime / 100))
        return Token(status.token, refresh_at(expires_at, lifetime, now) - jitter)

    async def issue(self, pod: Pod, audience: str, lifetime_seconds: int) -> TokenRequestStatus:
        """A token bound to the pod; audience "" is the API server's. Raises VolumeFailure."""
        metadata = pod.metadata
        account = pod.spec.service_account_name or "default"
        wish = TokenRequest(
            metadata=ObjectMeta(name=account, namespace=metadata.namespace),
            spec=TokenRequestSpec(
                audiences=[audience] if audience else [],
                expiration_seconds=lifetime_seconds,
                bound_object_ref=BoundObjectReference(
                    api_version="v1", kind="Pod", name=metadata.name, uid=metadata.uid
                ),
            ),
        )
        try:
            return (await self._create(wish, account)).status
        except StatusError as error:
            raise VolumeFailure(f"failed to fetch token: {error.message}") from error

    async def _create(self, wish: TokenRequest, account: str) -> TokenRequest:
        return await patiently(lambda: self._client.create(wish, name=account, subresource="token"))
