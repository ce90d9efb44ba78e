"""How objects of the Gateway API name others, and what they share (gateway.networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import Condition
from api.types.record import Field, Record, always
from api.types.scalars import Int32

PACKAGE = "gateway/v1"

GATEWAY_GROUP = "gateway.networking.k8s.io"


class ParentReference(Record, frozen=True, kw_only=True):
    """The Gateway, or one of its listeners, that a route wants to be attached to."""

    group: Annotated[str | None, Field(default=GATEWAY_GROUP)] = None
    kind: Annotated[str | None, Field(default="Gateway")] = None
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None
    port: Int32 | None = None
    section_name: str | None = None


class LocalObjectReference(Record, frozen=True, kw_only=True):
    """An object in the same namespace."""

    group: Annotated[str, Field(required=True)] = always("")
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")


class SecretObjectReference(Record, frozen=True, kw_only=True):
    """A Secret, in another namespace only where a ReferenceGrant lets it be."""

    group: Annotated[str | None, Field(default="")] = None
    kind: Annotated[str | None, Field(default="Secret")] = None
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None


class BackendObjectReference(Record, frozen=True, kw_only=True):
    """A port of a Service, in another namespace only where a ReferenceGrant lets it be."""

    group: Annotated[str | None, Field(default="")] = None
    kind: Annotated[str | None, Field(default="Service")] = None
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None
    port: Int32 | None = None


class RouteGroupKind(Record, frozen=True, kw_only=True):
    """A kind of routes."""

    group: Annotated[str | None, Field(default=GATEWAY_GROUP)] = None
    kind: Annotated[str, Field(required=True)] = always("")


class RouteParentStatus(Record, frozen=True, kw_only=True):
    """What a controller has made of a route for one of its parents."""

    conditions: Annotated[list[Condition], Field(list_type="map", list_map_keys=("type",))] = []
    controller_name: Annotated[str, Field(required=True)] = always("")
    parent_ref: Annotated[ParentReference, Field(required=True)] = field(default_factory=ParentReference)
