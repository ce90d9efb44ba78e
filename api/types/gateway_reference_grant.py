"""Leave for objects elsewhere to refer to those here (gateway.networking.k8s.io/v1beta1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list

PACKAGE = "gateway/v1beta1"


class ReferenceGrantFrom(Record, frozen=True, kw_only=True):
    """Who may refer."""

    group: Annotated[str, Field(required=True)] = always("")
    kind: Annotated[str, Field(required=True)] = always("")
    namespace: Annotated[str, Field(required=True)] = always("")


class ReferenceGrantTo(Record, frozen=True, kw_only=True):
    """What may be referred to; without a name every object of the kind."""

    group: Annotated[str, Field(required=True)] = always("")
    kind: Annotated[str, Field(required=True)] = always("")
    name: str | None = None


class ReferenceGrantSpec(Record, frozen=True, kw_only=True):
    """Who may refer to what."""

    from_: Annotated[list[ReferenceGrantFrom], Field(required=True, list_type="atomic")] = always_list(name="from")
    to: Annotated[list[ReferenceGrantTo], Field(required=True, list_type="atomic")] = always_list()


class ReferenceGrant(Record, frozen=True, kw_only=True):
    """Leave for objects in other namespaces to refer to objects in this one."""

    api_version: str = always("gateway.networking.k8s.io/v1beta1")
    kind: str = always("ReferenceGrant")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ReferenceGrantSpec = field(default_factory=ReferenceGrantSpec)
