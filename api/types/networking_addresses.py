"""Where Service addresses come from (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import Condition, ObjectMeta
from api.types.record import Field, Record, always

PACKAGE = "networking/v1"


class ServiceCIDRSpec(Record, frozen=True, kw_only=True):
    """Networks Service addresses are taken from."""

    cidrs: Annotated[list[str], Field(list_type="atomic")] = []


class ServiceCIDRStatus(Record, frozen=True, kw_only=True):
    """Whether a network is ready for use."""

    conditions: Annotated[
        list[Condition], Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type")
    ] = []


class ServiceCIDR(Record, frozen=True, kw_only=True):
    """Networks Service addresses are taken from."""

    api_version: str = always("networking.k8s.io/v1")
    kind: str = always("ServiceCIDR")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ServiceCIDRSpec = field(default_factory=ServiceCIDRSpec)
    status: ServiceCIDRStatus = field(default_factory=ServiceCIDRStatus)


class ParentReference(Record, frozen=True, kw_only=True):
    """The object an address was given to."""

    group: str = ""
    name: Annotated[str, Field(required=True)] = ""
    namespace: str = ""
    resource: Annotated[str, Field(required=True)] = ""


class IPAddressSpec(Record, frozen=True, kw_only=True):
    """Whose an address is."""

    parent_ref: Annotated[ParentReference | None, Field(required=True)] = None


class IPAddress(Record, frozen=True, kw_only=True):
    """An address that was given out."""

    api_version: str = always("networking.k8s.io/v1")
    kind: str = always("IPAddress")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[IPAddressSpec, Field(required=True)] = field(default_factory=IPAddressSpec)
