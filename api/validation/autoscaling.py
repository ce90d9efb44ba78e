"""HorizontalPodAutoscalers (upstream `pkg/apis/autoscaling/validation`)."""

from __future__ import annotations

from typing import Final

from api import names, quantity
from api.autoscaler_conversion import to_v2
from api.errors import FieldError
from api.types import (
    AutoscalingV1HorizontalPodAutoscaler,
    ContainerResourceMetricSource,
    CrossVersionObjectReference,
    ExternalMetricSource,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpec,
    HPAScalingRules,
    MetricIdentifier,
    MetricSpec,
    MetricTarget,
    ObjectMetricSource,
    PodsMetricSource,
    ResourceMetricSource,
)
from api.validation.checks import Errors, known, non_negative, required, well_formed

MAX_PERIOD_SECONDS: Final = 1800
MAX_STABILIZATION_SECONDS: Final = 3600
_SELECT: Final = ("Disabled", "Max", "Min")
_POLICIES: Final = ("Percent", "Pods")
_TARGETS: Final = ("Utilization", "Value", "AverageValue")
# A metric's type, and the field that goes with it.
_SOURCES: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}


def horizontal_pod_autoscaler(autoscaler: HorizontalPodAutoscaler) -> Errors:
    spec = autoscaler.spec
    if spec.min_replicas is not None and spec.min_replicas < 1:
        yield FieldError.invalid("spec.minReplicas", spec.min_replicas, "must be greater than or equal to 1")
    if spec.max_replicas < 1:
        yield FieldError.invalid("spec.maxReplicas", spec.max_replicas, "must be greater than 0")
    if spec.min_replicas is not None and spec.max_replicas < spec.min_replicas:
        message = "must be greater than or equal to `minReplicas`"
        yield FieldError.invalid("spec.maxReplicas", spec.max_replicas, message)
    yield from _reference(spec.scale_target_ref, "spec.scaleTargetRef")
    for position, metric in enumerate(spec.metrics):
        yield from _metric(metric, f"spec.metrics[{position}]")
    yield from _behavior(spec)


def horizontal_pod_autoscaler_status(new: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) -> Errors:
    yield from non_negative(new.status.current_replicas, "status.currentReplicas")
    yield from non_negative(new.status.desired_replicas, "status.desiredReplicas")


def horizontal_pod_autoscaler_v1(autoscaler: AutoscalingV1HorizontalPodAutoscaler) -> Errors:
    yield from horizontal_pod_autoscaler(to_v2(autoscaler))


def _reference(reference: CrossVersionObjectReference, path: str) -> Errors:
    for name, value in (("kind", reference.kind), ("name", reference.name)):
        yield from required(value, f"{path}.{name}")
        if value:
            yield from well_formed(value, f"{path}.{name}", names.path_segment)


def _metric(metric: MetricSpec, path: str) -> Errors:
    if not metric.type:
        yield FieldError.required(f"{path}.type", "must specify a metric source type")
    else:
        yield from known(metric.type, f"{path}.type", tuple(_SOURCES))
    present = [field for field, source in _sources(metric).items() if source is not None]
    if present:
        yield from _source(_sources(metric)[present[0]], f"{path}.{present[0]}")
    expected = _SOURCES.get(metric.type, "")
    if expected and expected not in present:
        yield FieldError.required(f"{path}.{expected}", "must populate information for the given metric source")
    if len(present) > 1:
        for field in present:
            if field != expected:
                yield FieldError.forbidden(f"{path}.{field}", "must populate the given metric source only")


def _sources(metric: MetricSpec) -> dict[str, object]:
    return {
        "object": metric.object,
        "external": metric.external,
        "pods": metric.pods,
        "resource": metric.resource,
        "containerResource": metric.container_resource,
    }


def _source(source: object, path: str) -> Errors:
    match source:
        case ObjectMetricSource():
            yield from _reference(source.described_object, f"{path}.describedObject")
            yield from _named(source.metric, source.target, path)
            if source.target.value is None and source.target.average_value is None:
                message = "must set either a target value or averageValue"
                yield FieldError.required(f"{path}.target.averageValue", message)
        case ExternalMetricSource():
            yield from _named(source.metric, source.target, path)
            yield from _external_target(source.target, f"{path}.target")
        case PodsMetricSource():
            yield from _named(source.metric, source.target, path)
            value = source.target.average_value
            if value is None or quantity.parse(value) <= 0:
                message = "must specify a positive target averageValue"
                yield FieldError.required(f"{path}.target.averageValue", message)
        case ContainerResourceMetricSource():
            yield from _resource(source.name, source.target, path)
            yield from required(source.container, f"{path}.container", "must specify a container")
        case ResourceMetricSource():
            yield from _resource(source.name, source.target, path)


def _named(metric: MetricIdentifier, target: MetricTarget, path: str) -> Errors:
    yield from required(metric.name, f"{path}.metric.name", "must specify a metric name")
    if metric.name:
        yield from well_formed(metric.name, f"{path}.metric.name", names.path_segment)
    yield from _target(target, f"{path}.target")


def _external_target(target: MetricTarget, path: str) -> Errors:
    if target.value is not None and target.average_value is not None:
        message = "may not set both a target value for metric and a per-pod target"
        yield FieldError.forbidden(f"{path}.value", message)
    if target.value is None and target.average_value is None:
        message = "must set either a target value for metric or a per-pod target"
        yield FieldError.required(f"{path}.averageValue", message)


def _resource(name: str, target: MetricTarget, path: str) -> Errors:
    yield from required(name, f"{path}.name", "must specify a resource name")
    yield from _target(target, f"{path}.target")
    if target.average_utilization is None and target.average_value is None:
        message = "must set either a target raw value or a target utilization"
        yield FieldError.required(f"{path}.target.averageUtilization", message)
    if target.average_utilization is not None and target.average_value is not None:
        message = "may not set both a target raw value and a target utilization"
        yield FieldError.forbidden(f"{path}.target.averageValue", message)


def _target(target: MetricTarget, path: str) -> Errors:
    if not target.type:
        yield FieldError.required(f"{path}.type", "must specify a metric target type")
    elif target.type not in _TARGETS:
        yield FieldError.invalid(f"{path}.type", target.type, "must be either Utilization, Value, or AverageValue")
    for field, value in (("value", target.value), ("averageValue", target.average_value)):
        if value is not None and quantity.parse(value) <= 0:
            yield FieldError.invalid(f"{path}.{field}", value, "must be positive")
    if target.average_utilization is not None and target.average_utilization < 1:
        yield FieldError.invalid(f"{path}.averageUtilization", target.average_utilization, "must be greater than 0")


def _behavior(spec: HorizontalPodAutoscalerSpec) -> Errors:
    if spec.behavior is not None:
        for field, rules in (("scaleUp", spec.behavior.scale_up), ("scaleDown", spec.behavior.scale_down)):
            if rules is not None:
                yield from _rules(rules, f"spec.behavior.{field}")


def _rules(rules: HPAScalingRules, path: str) -> Errors:
    seconds = rules.stabilization_window_seconds
    if seconds is not None and seconds < 0:
        where = f"{path}.stabilizationWindowSeconds"
        yield FieldError.invalid(where, seconds, "must be greater than or equal to zero")
    if seconds is not None and seconds > MAX_STABILIZATION_SECONDS:
        message = f"must be less than or equal to {MAX_STABILIZATION_SECONDS}"
        yield FieldError.invalid(f"{path}.stabilizationWindowSeconds", seconds, message)
    yield from known(rules.select_policy, f"{path}.selectPolicy", _SELECT)
    yield from required(rules.policies, f"{path}.policies", "must specify at least one Policy")
    for position, policy in enumerate(rules.policies):
        where = f"{path}.policies[{position}]"
        yield from known(policy.type, f"{where}.type", _POLICIES)
        if policy.value <= 0:
            yield FieldError.invalid(f"{where}.value", policy.value, "must be greater than zero")
        if policy.period_seconds <= 0:
            yield FieldError.invalid(f"{where}.periodSeconds", policy.period_seconds, "must be greater than zero")
        if policy.period_seconds > MAX_PERIOD_SECONDS:
            message = f"must be less than or equal to {MAX_PERIOD_SECONDS}"
            yield FieldError.invalid(f"{where}.periodSeconds", policy.period_seconds, message)
    if rules.tolerance is not None and quantity.parse(rules.tolerance) < 0:
        yield FieldError.invalid(f"{path}.tolerance", rules.tolerance, "must be greater than or equal to 0")
