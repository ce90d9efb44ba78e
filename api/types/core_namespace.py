"""Namespaces (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Time

PACKAGE = "core/v1"


class NamespaceSpec(Record, frozen=True, kw_only=True):
    """What must be cleaned up before a namespace disappears."""

    finalizers: Annotated[list[str], Field(list_type="atomic")] = []


class NamespaceCondition(Record, frozen=True, kw_only=True):
    """What keeps a namespace from disappearing."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class NamespaceStatus(Record, frozen=True, kw_only=True):
    """Whether a namespace is in use or going away."""

    conditions: Annotated[
        list[NamespaceCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    phase: Annotated[str, Field(enum=("Active", "Terminating"))] = ""


class Namespace(Record, frozen=True, kw_only=True):
    """A room for names; deleting it deletes everything inside."""

    api_version: str = always("v1")
    kind: str = always("Namespace")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: NamespaceSpec = field(default_factory=NamespaceSpec)
    status: NamespaceStatus = field(default_factory=NamespaceStatus)
