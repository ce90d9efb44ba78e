"""Authentication of one request: client certificate, then bearer token, then anonymous where that is allowed.

Both front doors use it. The order is upstream's: a good client certificate decides, whatever token comes with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from api import errors
from apiserver.auth.service_accounts import Authenticated, InvalidToken, TokenVerifier
from apiserver.auth.user import ALL_UNAUTHENTICATED, ANONYMOUS, User

ANONYMOUS_USER: Final = User(ANONYMOUS, groups=(ALL_UNAUTHENTICATED,))
# The only pages for callers without credentials; anything else is 401 to them.
ANONYMOUS_PATHS: Final = ("/healthz", "/livez", "/readyz", "/version")


class Authenticator:
    """`now` gives seconds since the epoch."""

    def __init__(
        self,
        verifier: TokenVerifier | None,
        static_tokens: Mapping[str, User] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._verifier = verifier
        self._static_tokens = static_tokens or {}
        self._now = now

    def from_header(self, authorization: str) -> User | None:
        """The user of an `Authorization` header; None when it holds no bearer token. Raises `Unauthorized`."""
        token = bearer_token(authorization)
        return self.from_token(token) if token else None

    def from_token(self, token: str) -> User:
        """Raises `Unauthorized`; why is not told to the caller (as upstream)."""
        try:
            return self.review(token).user
        except InvalidToken as error:
            raise unauthorized() from error

    def review(self, token: str, audiences: Sequence[str] = ()) -> Authenticated:
        """What TokenReview asks: whose token this is, for which of `audiences`. Raises `InvalidToken`."""
        user = self._static_tokens.get(token)
        if user is not None:
            return Authenticated(user, tuple(audiences))
        if self._verifier is None:
            raise InvalidToken("unknown token")
        return self._verifier.verify(token, self._now(), audiences)


def bearer_token(authorization: str) -> str:
    """The token in an `Authorization` header; "" when it holds none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def anonymous(path: str) -> User:
    """The user of a request without credentials. Raises `Unauthorized` where anonymous callers may not ask."""
    for public in ANONYMOUS_PATHS:
        if path == public or path.startswith(public + "/"):
            return ANONYMOUS_USER
    raise unauthorized()


def unauthorized() -> errors.Unauthorized:
    return errors.Unauthorized("Unauthorized")
