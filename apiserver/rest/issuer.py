"""Service-account issuer discovery: where others find the keys to check this cluster's tokens with.

Documents follow upstream ("Managing Service Accounts", issuer discovery) and OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

from typing import Final

import orjson

from apiserver.auth.service_accounts import TokenVerifier
from apiserver.rest.replies import Reply

CONFIGURATION_PATH: Final = "/.well-known/openid-configuration"
KEYS_PATH: Final = "/openid/v1/jwks"
_CACHED: Final = "public, max-age=3600"


class IssuerEndpoints:
    """`address` is HOST:PORT under which clients reach this server."""

    def __init__(self, verifier: TokenVerifier, address: str) -> None:
        self._verifier = verifier
        self._address = address

    def configuration(self) -> Reply:
        document = {
            "issuer": self._verifier.issuer,
            "jwks_uri": f"https://{self._address}{KEYS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self._verifier.keys.algorithms(),
        }
        reply = Reply(orjson.dumps(document))
        reply.cache_control = _CACHED
        return reply

    def keys(self) -> Reply:
        reply = Reply(self._verifier.keys.key_set(), content_type="application/jwk-set+json")
        reply.cache_control = _CACHED
        return reply
