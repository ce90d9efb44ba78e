"""Token requests and reviews (authentication.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int64, Time

PACKAGE = "authentication/v1"


class BoundObjectReference(Record, frozen=True, kw_only=True):
    """The object a token dies with."""

    name: str = ""
    api_version: str = ""
    kind: str = ""
    uid: str = ""


class UserInfo(Record, frozen=True, kw_only=True):
    """An authenticated user: name, groups and more."""

    extra: dict[str, list[str]] = {}
    groups: Annotated[list[str], Field(list_type="atomic")] = []
    uid: str = ""
    username: str = ""


class SelfSubjectReviewStatus(Record, frozen=True, kw_only=True):
    """Who the caller is."""

    user_info: UserInfo = field(default_factory=UserInfo)


class SelfSubjectReview(Record, frozen=True, kw_only=True):
    """Asks who the caller is."""

    api_version: str = always("authentication.k8s.io/v1")
    kind: str = always("SelfSubjectReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    status: SelfSubjectReviewStatus = field(default_factory=SelfSubjectReviewStatus)


class TokenRequestSpec(Record, frozen=True, kw_only=True):
    """For whom, for how long and bound to what a token is."""

    audiences: Annotated[list[str], Field(list_type="atomic")] = always_list()
    bound_object_ref: BoundObjectReference | None = always(None)
    expiration_seconds: Int64 | None = always(None)


class TokenRequestStatus(Record, frozen=True, kw_only=True):
    """The token and when it expires."""

    expiration_timestamp: Time | None = always(None)
    token: str = always("")


class TokenRequest(Record, frozen=True, kw_only=True):
    """Asks for a token of a service account."""

    api_version: str = always("authentication.k8s.io/v1")
    kind: str = always("TokenRequest")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: TokenRequestSpec = field(default_factory=TokenRequestSpec)
    status: TokenRequestStatus = field(default_factory=TokenRequestStatus)


class TokenReviewSpec(Record, frozen=True, kw_only=True):
    """The token to check, and for which audiences."""

    audiences: Annotated[list[str], Field(list_type="atomic")] = []
    token: Annotated[str, Field(required=True)] = ""


class TokenReviewStatus(Record, frozen=True, kw_only=True):
    """Whether a token is valid and whose it is."""

    audiences: Annotated[list[str], Field(list_type="atomic")] = []
    authenticated: bool = False
    error: str = ""
    user: UserInfo = field(default_factory=UserInfo)


class TokenReview(Record, frozen=True, kw_only=True):
    """Asks whom a token belongs to."""

    api_version: str = always("authentication.k8s.io/v1")
    kind: str = always("TokenReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[TokenReviewSpec, Field(required=True)] = field(default_factory=TokenReviewSpec)
    status: TokenReviewStatus = field(default_factory=TokenReviewStatus)
