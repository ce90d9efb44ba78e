"""What CSI drivers are told in confidence: secrets that volumes name, tokens of the pods they mount for."""

from __future__ import annotations

import base64
import json
from typing import Final

from api.errors import StatusError
from api.types import CSIDriver, Pod, Secret
from cluster.client import Client
from kubelet.patience import patiently
from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.tokens import Tokens

TOKENS: Final = "csi.storage.k8s.io/serviceAccount.tokens"
# What the API server gives who asks for no certain lifetime.
_DEFAULT_LIFETIME_SECONDS: Final = 3600


class Credentials:
    """Read for each call, kept nowhere."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tokens = Tokens(client)

    async def secret(self, reference: str) -> dict[str, str]:
        """A Secret's data. reference: NAMESPACE/NAME; "" for none. Raises VolumeFailure."""
        if not reference:
            return {}
        namespace, _, name = reference.partition("/")
        try:
            found = await patiently(lambda: self._client.get(Secret, name, namespace))
        except StatusError as error:
            raise VolumeFailure(f"failed to get secret {reference} for the CSI driver: {error.message}") from error
        return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in found.data.items()}

    async def tokens(self, pod: Pod, driver: CSIDriver | None) -> dict[str, str]:
        """The tokens a driver asks for, as it is told them; empty when it asks for none. Raises VolumeFailure."""
        wanted = driver.spec.token_requests if driver is not None else []
        if not wanted:
            return {}
        issued = {}
        for each in wanted:
            lifetime = each.expiration_seconds or _DEFAULT_LIFETIME_SECONDS
            status = await self._tokens.issue(pod, each.audience, lifetime)
            issued[each.audience] = {"token": status.token, "expirationTimestamp": status.expiration_timestamp}
        return {TOKENS: json.dumps(issued)}
