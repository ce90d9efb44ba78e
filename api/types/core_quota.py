"""What a namespace, and one object in it, may use (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Quantity

PACKAGE = "core/v1"


class ScopedResourceSelectorRequirement(Record, frozen=True, kw_only=True):
    """One scope, and the values of it that count."""

    operator: Annotated[str, Field(required=True, enum=("In", "NotIn", "Exists", "DoesNotExist"))] = always("")
    scope_name: Annotated[
        str,
        Field(
            required=True,
            enum=(
                "Terminating",
                "NotTerminating",
                "BestEffort",
                "NotBestEffort",
                "PriorityClass",
                "CrossNamespacePodAffinity",
                "VolumeAttributesClass",
            ),
        ),
    ] = always("")
    values: Annotated[list[str], Field(list_type="atomic")] = []


class ScopeSelector(Record, frozen=True, kw_only=True):
    """The scopes an object must be in to count."""

    match_expressions: Annotated[list[ScopedResourceSelectorRequirement], Field(list_type="atomic")] = []


class ResourceQuotaSpec(Record, frozen=True, kw_only=True):
    """How much a namespace may use, of which objects."""

    hard: dict[str, Quantity] = {}
    scope_selector: ScopeSelector | None = None
    scopes: Annotated[
        list[str],
        Field(
            enum=(
                "Terminating",
                "NotTerminating",
                "BestEffort",
                "NotBestEffort",
                "PriorityClass",
                "CrossNamespacePodAffinity",
                "VolumeAttributesClass",
            ),
            list_type="atomic",
        ),
    ] = []


class ResourceQuotaStatus(Record, frozen=True, kw_only=True):
    """How much a namespace uses."""

    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceQuota(Record, frozen=True, kw_only=True):
    """The share of a namespace."""

    api_version: str = always("v1")
    kind: str = always("ResourceQuota")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ResourceQuotaSpec = field(default_factory=ResourceQuotaSpec)
    status: ResourceQuotaStatus = field(default_factory=ResourceQuotaStatus)


class LimitRangeItem(Record, frozen=True, kw_only=True):
    """Bounds and defaults for one type of object."""

    default: dict[str, Quantity] = {}
    default_request: dict[str, Quantity] = {}
    max: dict[str, Quantity] = {}
    max_limit_request_ratio: dict[str, Quantity] = {}
    min: dict[str, Quantity] = {}
    type: Annotated[str, Field(required=True)] = always("")


class LimitRangeSpec(Record, frozen=True, kw_only=True):
    """Bounds and defaults, by type of object."""

    limits: Annotated[list[LimitRangeItem], Field(required=True, list_type="atomic")] = always_list()


class LimitRange(Record, frozen=True, kw_only=True):
    """Bounds and defaults for what one object of a namespace uses."""

    api_version: str = always("v1")
    kind: str = always("LimitRange")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: LimitRangeSpec = field(default_factory=LimitRangeSpec)
