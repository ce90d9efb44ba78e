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
    """Whether a backend is ready, serving, terminating."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForNode(Record, frozen=True, kw_only=True):
    """A node a backend should be used by."""

    name: Annotated[str, Field(required=True)] = always("")


class ForZone(Record, frozen=True, kw_only=True):
    """A zone a backend should be used by."""

    name: Annotated[str, Field(required=True)] = always("")


class EndpointHints(Record, frozen=True, kw_only=True):
    """For whom a backend should be used."""

    for_nodes: Annotated[list[ForNode], Field(list_type="atomic")] = []
    for_zones: Annotated[list[ForZone], Field(list_type="atomic")] = []


class Endpoint(Record, frozen=True, kw_only=True):
    """Addresses of one backend, its conditions and where it runs."""

    addresses: Annotated[list[str], Field(required=True, list_type="set")] = always_list()
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    deprecated_topology: dict[str, str] = {}
    hints: EndpointHints | None = None
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    zone: str | None = None


class EndpointPort(Record, frozen=True, kw_only=True):
    """A port every backend of the slice serves."""

    name: str | None = None
    app_protocol: str | None = None
    port: Int32 | None = None
    protocol: Annotated[str | None, Field(enum=("TCP", "UDP", "SCTP"))] = None


class EndpointSlice(Record, frozen=True, kw_only=True):
    """Some of the backends of a Service."""

    api_version: str = always("discovery.k8s.io/v1")
    kind: str = always("EndpointSlice")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    address_type: Annotated[str, Field(required=True)] = always("")
    endpoints: Annotated[list[Endpoint], Field(list_type="atomic")] = always_list()
    ports: Annotated[list[EndpointPort], Field(list_type="atomic")] = always_list()
