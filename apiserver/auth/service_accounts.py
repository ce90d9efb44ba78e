"""Service-account tokens: issued for TokenRequest, verified for requests and TokenReview.

Claims, extra fields and checks follow upstream (KEP-1205 bound service account tokens, KEP-4193): the service account
and the pod, secret or node a token is bound to must still exist with the uid they had when it was issued.
Signature checks are remembered, everything else is checked at every request.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from api import timestamps
from apiserver.auth.objects import BoundObjects
from apiserver.auth.user import ALL_AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, User

if TYPE_CHECKING:
    from apiserver.auth.signing_keys import SigningKey, VerifyingKeys

PRIVATE_CLAIM: Final = "kubernetes.io"
# Signatures remembered at most; then the memory starts afresh.
MAX_REMEMBERED: Final = 10_000
# An object whose deletion was due so long ago counts as gone (upstream: jwt.DefaultLeeway).
DELETION_LEEWAY_SECONDS: Final = 60.0
_EXTRA: Final = "authentication.kubernetes.io/"


class InvalidToken(Exception):
    """The token is not one of ours, or no longer good; the text says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name and a uid."""

    name: str
    uid: str

    def as_claim(self) -> dict[str, str]:
        return {"name": self.name, "uid": self.uid}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSubject:
    """Whom a token speaks for and what its life is bound to."""

    namespace: str
    service_account: Reference
    pod: Reference | None = None
    secret: Reference | None = None
    node: Reference | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    token: str
    expires_at: int
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A verified token: its user, and those of the wanted audiences it is for."""

    user: User
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Claims:
    subject: TokenSubject
    issuer: str
    audiences: tuple[str, ...]
    not_before: float
    expires_at: float
    user: User
    authenticated: Authenticated
    """The answer to a caller that names no audiences."""

    def good(self, now: float, issuer: str) -> bool:
        """Whether the token itself is good for this API server at `now`."""
        return self.not_before <= now < self.expires_at and self.issuer == issuer and issuer in self.audiences


class TokenIssuer:
    """Signs tokens. `issuer` is the URL tokens name as theirs; raises OSError when the key cannot be read."""

    def __init__(self, issuer: str, key_file: Path) -> None:
        self.issuer = issuer
        self._pem = key_file.read_bytes()

    @cached_property
    def _key(self) -> SigningKey:
        from apiserver.auth.signing_keys import SigningKey

        return SigningKey(self._pem)

    def issue(self, subject: TokenSubject, audiences: Sequence[str], lifetime_seconds: int, now: float) -> IssuedToken:
        """A token good from `now` (seconds since the epoch) on; without `audiences` it is for this API server."""
        issued_at = int(now)
        private: dict[str, Any] = {
            "namespace": subject.namespace,
            "serviceaccount": subject.service_account.as_claim(),
        }
        for kind in ("node", "pod", "secret"):
            reference: Reference | None = getattr(subject, kind)
            if reference is not None:
                private[kind] = reference.as_claim()
        claims = {
            "aud": list(audiences) or [self.issuer],
            "exp": issued_at + lifetime_seconds,
            "iat": issued_at,
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            PRIVATE_CLAIM: private,
            "nbf": issued_at,
            "sub": user_name(subject.namespace, subject.service_account.name),
        }
        return IssuedToken(self._key.sign(claims), issued_at + lifetime_seconds)


class TokenVerifier:
    """Checks tokens against the public keys and the live objects. Raises OSError when a key cannot be read."""

    def __init__(self, issuer: str, key_files: Sequence[Path], objects: BoundObjects) -> None:
        self.issuer = issuer
        self._pems = [file.read_bytes() for file in key_files]
        self._objects = objects
        self._known: dict[str, _Claims] = {}

    @cached_property
    def keys(self) -> VerifyingKeys:
        from apiserver.auth.signing_keys import VerifyingKeys

        return VerifyingKeys(self._pems)

    def verify(self, token: str, now: float, audiences: Sequence[str] = ()) -> Authenticated:
        """The user a token stands for at `now`. Without `audiences` it must be for this API server.

        Raises `InvalidToken`.
        """
        claims = self._known.get(token)
        if claims is not None and not audiences and claims.good(now, self.issuer):
            # What nearly every request comes to: only the objects can have changed.
            self._check_alive(claims.subject, now)
            return claims.authenticated
        if claims is None:
            claims = self._parse(token)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[token] = claims
        if claims.issuer != self.issuer:
            raise InvalidToken(f"token was issued by {claims.issuer!r}, not by this cluster")
        if now >= claims.expires_at:
            self._known.pop(token, None)
            raise InvalidToken("token has expired")
        if now < claims.not_before:
            raise InvalidToken("token is not yet valid")
        wanted = tuple(audiences) or (self.issuer,)
        matching = tuple(audience for audience in wanted if audience in claims.audiences)
        if not matching:
            raise InvalidToken(
                f"token audiences {list(claims.audiences)} are invalid for the target audiences {list(wanted)}"
            )
        self._check_alive(claims.subject, now)
        return Authenticated(claims.user, matching)

    def _parse(self, token: str) -> _Claims:
        try:
            return _claims(self.keys.verify(token))
        except ValueError as error:
            raise InvalidToken(str(error)) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidToken("token lacks the claims of a service-account token") from error

    def _check_alive(self, subject: TokenSubject, now: float) -> None:
        objects, namespace = self._objects, subject.namespace
        account = subject.service_account
        _check("service account", account, objects.service_account(namespace, account.name), now)
        if subject.secret is not None:
            _check("secret", subject.secret, objects.secret(namespace, subject.secret.name), now)
        if subject.pod is not None:
            _check("pod", subject.pod, objects.pod(namespace, subject.pod.name), now)
        elif subject.node is not None:
            _check("node", subject.node, objects.node(subject.node.name), now)


def user_name(namespace: str, name: str) -> str:
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of every service account of `namespace`."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", ALL_AUTHENTICATED)


class _HasMetadata(Protocol):
    @property
    def metadata(self) -> Any: ...


def _check(what: str, reference: Reference, found: _HasMetadata | None, now: float) -> None:
    if found is None or _is_overdue(found.metadata.deletion_timestamp, now):
        raise InvalidToken(f"{what} {reference.name!r} has been deleted")
    if found.metadata.uid != reference.uid:
        raise InvalidToken(f"{what} {reference.name!r} is no longer the one the token was issued for")


def _is_overdue(deletion_timestamp: str | None, now: float) -> bool:
    """Whether an object should be gone by now, and only a finalizer keeps it."""
    return bool(deletion_timestamp) and timestamps.parse_or(deletion_timestamp, now) + DELETION_LEEWAY_SECONDS < now


def _claims(claims: Mapping[str, Any]) -> _Claims:
    private = claims[PRIVATE_CLAIM]
    subject = TokenSubject(
        namespace=str(private["namespace"]),
        service_account=_reference(private["serviceaccount"]),
        pod=_optional(private.get("pod")),
        secret=_optional(private.get("secret")),
        node=_optional(private.get("node")),
    )
    if claims["sub"] != user_name(subject.namespace, subject.service_account.name):
        raise ValueError("token's subject is not the service account it names")
    audience = claims["aud"]
    issuer = str(claims["iss"])
    user = _user(subject, str(claims.get("jti", "")))
    return _Claims(
        subject=subject,
        issuer=issuer,
        audiences=(audience,) if isinstance(audience, str) else tuple(audience),
        not_before=float(claims.get("nbf", 0)),
        expires_at=float(claims["exp"]),
        user=user,
        authenticated=Authenticated(user, (issuer,)),
    )


def _user(subject: TokenSubject, token_id: str) -> User:
    extra: dict[str, tuple[str, ...]] = {}
    if token_id:
        extra[_EXTRA + "credential-id"] = (f"JTI={token_id}",)
    for kind, reference in (("node", subject.node), ("pod", subject.pod)):
        if reference is not None:
            extra[f"{_EXTRA}{kind}-name"] = (reference.name,)
            extra[f"{_EXTRA}{kind}-uid"] = (reference.uid,)
    return User(
        user_name(subject.namespace, subject.service_account.name),
        uid=subject.service_account.uid,
        groups=account_groups(subject.namespace),
        extra=extra,
    )


def _reference(claim: Mapping[str, Any]) -> Reference:
    return Reference(str(claim["name"]), str(claim["uid"]))


def _optional(claim: Mapping[str, Any] | None) -> Reference | None:
    return None if claim is None else _reference(claim)
