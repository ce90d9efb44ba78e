"""HorizontalPodAutoscalers (autoscaling/v2)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Quantity, Time

PACKAGE = "autoscaling/v2"


class HPAScalingPolicy(Record, frozen=True, kw_only=True):
    """How much may change in a period."""

    period_seconds: Annotated[Int32, Field(required=True)] = always(0)
    type: Annotated[str, Field(required=True)] = always("")
    value: Annotated[Int32, Field(required=True)] = always(0)


class HPAScalingRules(Record, frozen=True, kw_only=True):
    """How fast to scale in one direction."""

    policies: Annotated[list[HPAScalingPolicy], Field(list_type="atomic")] = []
    select_policy: str | None = None
    stabilization_window_seconds: Int32 | None = None
    tolerance: Quantity | None = None


class HorizontalPodAutoscalerBehavior(Record, frozen=True, kw_only=True):
    """How fast to scale up and down."""

    scale_down: HPAScalingRules | None = None
    scale_up: HPAScalingRules | None = None


class MetricTarget(Record, frozen=True, kw_only=True):
    """The value a metric should have."""

    average_utilization: Int32 | None = None
    average_value: Quantity | None = None
    type: Annotated[str, Field(required=True)] = always("")
    value: Quantity | None = None


class ContainerResourceMetricSource(Record, frozen=True, kw_only=True):
    """A resource used by one container of each pod."""

    container: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")
    target: Annotated[MetricTarget, Field(required=True)] = field(default_factory=MetricTarget)


class MetricIdentifier(Record, frozen=True, kw_only=True):
    """The name of a metric, and which of its series."""

    name: Annotated[str, Field(required=True)] = always("")
    selector: LabelSelector | None = None


class ExternalMetricSource(Record, frozen=True, kw_only=True):
    """A metric of something outside the cluster."""

    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)
    target: Annotated[MetricTarget, Field(required=True)] = field(default_factory=MetricTarget)


class CrossVersionObjectReference(Record, frozen=True, kw_only=True):
    """An object of the same namespace, whatever its version."""

    api_version: str = ""
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")


class ObjectMetricSource(Record, frozen=True, kw_only=True):
    """A metric of one object."""

    described_object: Annotated[CrossVersionObjectReference, Field(required=True)] = field(
        default_factory=CrossVersionObjectReference
    )
    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)
    target: Annotated[MetricTarget, Field(required=True)] = field(default_factory=MetricTarget)


class PodsMetricSource(Record, frozen=True, kw_only=True):
    """A metric of each pod, averaged."""

    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)
    target: Annotated[MetricTarget, Field(required=True)] = field(default_factory=MetricTarget)


class ResourceMetricSource(Record, frozen=True, kw_only=True):
    """A resource used by each pod, averaged."""

    name: Annotated[str, Field(required=True)] = always("")
    target: Annotated[MetricTarget, Field(required=True)] = field(default_factory=MetricTarget)


class MetricSpec(Record, frozen=True, kw_only=True):
    """One metric and its target."""

    container_resource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None
    object: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None
    type: Annotated[str, Field(required=True)] = always("")


class HorizontalPodAutoscalerSpec(Record, frozen=True, kw_only=True):
    """What to scale, between which bounds and by which metrics."""

    behavior: HorizontalPodAutoscalerBehavior | None = None
    max_replicas: Annotated[Int32, Field(required=True)] = always(0)
    metrics: Annotated[list[MetricSpec], Field(list_type="atomic")] = []
    min_replicas: Int32 | None = None
    scale_target_ref: Annotated[CrossVersionObjectReference, Field(required=True)] = field(
        default_factory=CrossVersionObjectReference
    )


class HorizontalPodAutoscalerCondition(Record, frozen=True, kw_only=True):
    """One aspect of an autoscaler's state."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class MetricValueStatus(Record, frozen=True, kw_only=True):
    """The value a metric has."""

    average_utilization: Int32 | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ContainerResourceMetricStatus(Record, frozen=True, kw_only=True):
    """What one container of each pod uses."""

    container: Annotated[str, Field(required=True)] = always("")
    current: Annotated[MetricValueStatus, Field(required=True)] = field(default_factory=MetricValueStatus)
    name: Annotated[str, Field(required=True)] = always("")


class ExternalMetricStatus(Record, frozen=True, kw_only=True):
    """The value of an external metric."""

    current: Annotated[MetricValueStatus, Field(required=True)] = field(default_factory=MetricValueStatus)
    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)


class ObjectMetricStatus(Record, frozen=True, kw_only=True):
    """The value of an object's metric."""

    current: Annotated[MetricValueStatus, Field(required=True)] = field(default_factory=MetricValueStatus)
    described_object: Annotated[CrossVersionObjectReference, Field(required=True)] = field(
        default_factory=CrossVersionObjectReference
    )
    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)


class PodsMetricStatus(Record, frozen=True, kw_only=True):
    """The average of the pods' metric."""

    current: Annotated[MetricValueStatus, Field(required=True)] = field(default_factory=MetricValueStatus)
    metric: Annotated[MetricIdentifier, Field(required=True)] = field(default_factory=MetricIdentifier)


class ResourceMetricStatus(Record, frozen=True, kw_only=True):
    """The average of what pods use."""

    current: Annotated[MetricValueStatus, Field(required=True)] = field(default_factory=MetricValueStatus)
    name: Annotated[str, Field(required=True)] = always("")


class MetricStatus(Record, frozen=True, kw_only=True):
    """The last value read of one metric."""

    container_resource: ContainerResourceMetricStatus | None = None
    external: ExternalMetricStatus | None = None
    object: ObjectMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    resource: ResourceMetricStatus | None = None
    type: Annotated[str, Field(required=True)] = always("")


class HorizontalPodAutoscalerStatus(Record, frozen=True, kw_only=True):
    """What an autoscaler has read and decided."""

    conditions: Annotated[
        list[HorizontalPodAutoscalerCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    current_metrics: Annotated[list[MetricStatus], Field(list_type="atomic")] = always_list()
    current_replicas: Int32 = 0
    desired_replicas: Annotated[Int32, Field(required=True)] = always(0)
    last_scale_time: Time | None = None
    observed_generation: Int64 | None = None


class HorizontalPodAutoscaler(Record, frozen=True, kw_only=True):
    """The number of replicas that keeps metrics at their targets."""

    api_version: str = always("autoscaling/v2")
    kind: str = always("HorizontalPodAutoscaler")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[HorizontalPodAutoscalerSpec, Field(required=True)] = field(
        default_factory=HorizontalPodAutoscalerSpec
    )
    status: HorizontalPodAutoscalerStatus = field(default_factory=HorizontalPodAutoscalerStatus)
