"""The scale subresource (autoscaling/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32

PACKAGE = "autoscaling/v1"


class ScaleSpec(Record, frozen=True, kw_only=True):
    """How many replicas a workload should have."""

    replicas: Annotated[Int32, Field(default=0)] = 0


class ScaleStatus(Record, frozen=True, kw_only=True):
    """How many replicas a workload has, and which pods they are."""

    replicas: Annotated[Int32, Field(required=True)] = always(0)
    selector: str = ""


class Scale(Record, frozen=True, kw_only=True):
    """How many replicas a workload has and should have."""

    api_version: str = always("autoscaling/v1")
    kind: str = always("Scale")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ScaleSpec = field(default_factory=ScaleSpec)
    status: ScaleStatus = field(default_factory=ScaleStatus)
