"""EndpointSlices (discovery.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import ObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32

PACKAGE = "discovery/v1"


class EndpointConditions(Record, frozen=True, kw_only=True):
    """EndpointConditions of discovery/v1."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForNode(Record, frozen=True, kw_only=True):
    """ForNode of discovery/v1."""

    name: Annotated[str, Field(required=True)] = always("")


class ForZone(Record, frozen=True, kw_only=True):
    """ForZone of discovery/v1."""

    name: Annotated[str, Field(required=True)] = always("")


class EndpointHints(Record, frozen=True, kw_only=True):
    """EndpointHints of discovery/v1."""

    for_nodes: Annotated[list[ForNode], Field(list_type="atomic")] = []
    for_zones: Annotated[list[ForZone], Field(list_type="atomic")] = []


class Endpoint(Record, frozen=True, kw_only=True):
    """Endpoint of discovery/v1."""

    addresses: Annotated[list[str], Field(required=True, list_type="set")] = always_list()
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    deprecated_topology: dict[str, str] = {}
    hints: EndpointHints | None = None
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    zone: str | None = None


class EndpointPort(Record, frozen=True, kw_only=True):
    """EndpointPort of discovery/v1."""

    name: str | None = None
    app_protocol: str | None = None
    port: Int32 | None = None
    protocol: Annotated[str | None, Field(enum=("TCP", "UDP", "SCTP"))] = None


class EndpointSlice(Record, frozen=True, kw_only=True):
    """EndpointSlice of discovery/v1."""

    api_version: str = always("discovery.k8s.io/v1")
    kind: str = always("EndpointSlice")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    address_type: Annotated[str, Field(required=True)] = always("")
    endpoints: Annotated[list[Endpoint], Field(list_type="atomic")] = always_list()
    ports: Annotated[list[EndpointPort], Field(list_type="atomic")] = always_list()
