"""The two faces of a HorizontalPodAutoscaler: autoscaling/v2 is what is stored, v1 shows one CPU target of it.

What v1 has no fields for travels in annotations, in upstream's forms (`pkg/apis/autoscaling/v1/conversion.go`): other
metrics, their values and the conditions as v1's own types, the behavior under Go's field names.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from api import codec
from api import types as t
from api.autoscaler_metrics import metric_from_v1, metric_to_v1, value_from_v1, value_to_v1
from api.defaults.autoscaling import horizontal_pod_autoscaler

METRICS: Final = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS: Final = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR: Final = "autoscaling.alpha.kubernetes.io/behavior"
_ANNOTATIONS: Final = frozenset({METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR})


def to_v1(autoscaler: t.HorizontalPodAutoscaler) -> t.AutoscalingV1HorizontalPodAutoscaler:
    """A stored autoscaler as v1 shows it."""
    spec, status, target = autoscaler.spec, autoscaler.status, autoscaler.spec.scale_target_ref
    others, utilization = _split_metrics(spec.metrics)
    told: dict[str, Any] = {
        METRICS: [metric_to_v1(metric) for metric in others],
        CURRENT_METRICS: [value_to_v1(metric) for metric in status.current_metrics],
        CONDITIONS: [codec.to_tree(condition) for condition in status.conditions],
        BEHAVIOR: None if spec.behavior is None else _go_names(codec.to_tree(spec.behavior)),
    }
    annotations = {key: value for key, value in autoscaler.metadata.annotations.items() if key not in _ANNOTATIONS}
    annotations |= {key: msgspec.json.encode(value).decode() for key, value in told.items() if value}
    return t.AutoscalingV1HorizontalPodAutoscaler(
        metadata=replace(autoscaler.metadata, annotations=annotations),
        spec=t.AutoscalingV1HorizontalPodAutoscalerSpec(
            scale_target_ref=t.AutoscalingV1CrossVersionObjectReference(
                api_version=target.api_version, kind=target.kind, name=target.name
            ),
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            target_cpu_utilization_percentage=utilization,
        ),
        status=t.AutoscalingV1HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_cpu_utilization_percentage=_current_utilization(status.current_metrics),
        ),
    )


def to_v2(autoscaler: t.AutoscalingV1HorizontalPodAutoscaler) -> t.HorizontalPodAutoscaler:
    """An autoscaler of v1 as it is stored, with v2's defaults.

    Annotations that are not what v1 would have written are passed over.
    """
    spec, status, target = autoscaler.spec, autoscaler.status, autoscaler.spec.scale_target_ref
    told = autoscaler.metadata.annotations
    metrics = [metric_from_v1(each) for each in _list_of(told, METRICS)]
    if spec.target_cpu_utilization_percentage is not None:
        metrics.insert(0, _cpu(spec.target_cpu_utilization_percentage))
    current = [value_from_v1(each) for each in _list_of(told, CURRENT_METRICS)]
    if not current and status.current_cpu_utilization_percentage is not None:
        current.insert(0, _cpu_value(status.current_cpu_utilization_percentage))
    kept = {key: value for key, value in told.items() if key not in _ANNOTATIONS}
    stored = t.HorizontalPodAutoscaler(
        metadata=replace(autoscaler.metadata, annotations=kept),
        spec=t.HorizontalPodAutoscalerSpec(
            scale_target_ref=t.CrossVersionObjectReference(
                api_version=target.api_version, kind=target.kind, name=target.name
            ),
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            metrics=[each for each in metrics if each is not None],
            behavior=_behavior(told),
        ),
        status=t.HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_metrics=[each for each in current if each is not None],
            conditions=[_condition(each) for each in _list_of(told, CONDITIONS)],
        ),
    )
    return horizontal_pod_autoscaler(stored)


def _split_metrics(metrics: list[t.MetricSpec]) -> tuple[list[t.MetricSpec], int | None]:
    """The last target for the utilization of CPU is v1's own (upstream); the others are told apart from it."""
    others: list[t.MetricSpec] = []
    utilization = None
    for metric in metrics:
        resource = metric.resource
        if resource is not None and resource.name == "cpu" and resource.target.average_utilization is not None:
            utilization = resource.target.average_utilization
        else:
            others.append(metric)
    return others, utilization


def _current_utilization(metrics: list[t.MetricStatus]) -> int | None:
    found = [
        metric.resource.current for metric in metrics if metric.resource is not None and metric.resource.name == "cpu"
    ]
    return next((each.average_utilization for each in found if each.average_utilization is not None), None)


def _cpu(utilization: int) -> t.MetricSpec:
    target = t.MetricTarget(type="Utilization", average_utilization=utilization)
    return t.MetricSpec(type="Resource", resource=t.ResourceMetricSource(name="cpu", target=target))


def _cpu_value(utilization: int) -> t.MetricStatus:
    current = t.MetricValueStatus(average_utilization=utilization)
    return t.MetricStatus(type="Resource", resource=t.ResourceMetricStatus(name="cpu", current=current))


def _list_of(annotations: dict[str, str], key: str) -> list[dict[str, Any]]:
    try:
        found = msgspec.json.decode(annotations.get(key, "[]"))
    except msgspec.DecodeError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _condition(tree: dict[str, Any]) -> t.HorizontalPodAutoscalerCondition:
    return _decoded(t.HorizontalPodAutoscalerCondition, tree) or t.HorizontalPodAutoscalerCondition()


def _behavior(annotations: dict[str, str]) -> t.HorizontalPodAutoscalerBehavior | None:
    try:
        tree = msgspec.json.decode(annotations.get(BEHAVIOR, "null"))
    except msgspec.DecodeError:
        return None
    return _decoded(t.HorizontalPodAutoscalerBehavior, _json_names(tree)) if isinstance(tree, dict) else None


def _decoded(record: type[Any], tree: dict[str, Any]) -> Any:
    try:
        return msgspec.convert(tree, record)
    except msgspec.ValidationError:
        return None


def _go_names(tree: Any) -> Any:
    return _renamed(tree, lambda key: key[:1].upper() + key[1:])


def _json_names(tree: Any) -> Any:
    return _renamed(tree, lambda key: key[:1].lower() + key[1:])


def _renamed(tree: Any, rename: Any) -> Any:
    if isinstance(tree, dict):
        return {rename(key): _renamed(value, rename) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_renamed(each, rename) for each in tree]
    return tree
