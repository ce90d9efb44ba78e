"""The scale subresource, and HorizontalPodAutoscalers as their first version had them (autoscaling/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, Time

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


class CrossVersionObjectReference(Record, frozen=True, kw_only=True):
    """An object of the same namespace, whatever its version."""

    api_version: str = ""
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")


class HorizontalPodAutoscalerSpec(Record, frozen=True, kw_only=True):
    """What to scale, between which bounds and to which use of CPU."""

    max_replicas: Annotated[Int32, Field(required=True)] = always(0)
    min_replicas: Int32 | None = None
    scale_target_ref: Annotated[CrossVersionObjectReference, Field(required=True)] = field(
        default_factory=CrossVersionObjectReference
    )
    target_cpu_utilization_percentage: Int32 | None = field(default=None, name="targetCPUUtilizationPercentage")


class HorizontalPodAutoscalerStatus(Record, frozen=True, kw_only=True):
    """What an autoscaler has read and decided."""

    current_cpu_utilization_percentage: Int32 | None = field(default=None, name="currentCPUUtilizationPercentage")
    current_replicas: Annotated[Int32, Field(required=True)] = always(0)
    desired_replicas: Annotated[Int32, Field(required=True)] = always(0)
    last_scale_time: Time | None = None
    observed_generation: Int64 | None = None


class HorizontalPodAutoscaler(Record, frozen=True, kw_only=True):
    """The number of replicas that keeps the use of CPU at its target."""

    api_version: str = always("autoscaling/v1")
    kind: str = always("HorizontalPodAutoscaler")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: HorizontalPodAutoscalerSpec = field(default_factory=HorizontalPodAutoscalerSpec)
    status: HorizontalPodAutoscalerStatus = field(default_factory=HorizontalPodAutoscalerStatus)
