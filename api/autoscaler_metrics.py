"""Metrics as autoscaling/v1 writes them in its annotations: each target is a field of its own beside the name.

Source: upstream's `pkg/apis/autoscaling/v1/conversion.go` and the types it converts to.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from api import codec
from api import types as t
from api.types.record import Record

Tree = dict[str, Any]
R = TypeVar("R", bound=Record)


def metric_to_v1(metric: t.MetricSpec) -> Tree:
    """A metric and its target."""
    tree: Tree = {"type": metric.type}
    if metric.resource is not None:
        tree["resource"] = {"name": metric.resource.name, **_per_resource(metric.resource.target, "target")}
    if metric.container_resource is not None:
        source = metric.container_resource
        tree["containerResource"] = {
            "name": source.name,
            **_per_resource(source.target, "target"),
            "container": source.container,
        }
    if metric.pods is not None:
        tree["pods"] = {
            **_identity(metric.pods.metric, "metricName", "selector"),
            "targetAverageValue": metric.pods.target.average_value or "0",
        }
    if metric.object is not None:
        tree["object"] = {
            "target": codec.to_tree(metric.object.described_object),
            **_identity(metric.object.metric, "metricName", "selector"),
            "targetValue": metric.object.target.value or "0",
            **_given(averageValue=metric.object.target.average_value),
        }
    if metric.external is not None:
        tree["external"] = {
            **_identity(metric.external.metric, "metricName", "metricSelector"),
            **_given(targetValue=metric.external.target.value, targetAverageValue=metric.external.target.average_value),
        }
    return tree


def metric_from_v1(tree: Tree) -> t.MetricSpec | None:
    """None for what is no metric."""
    new: Tree = {"type": tree.get("type", "")}
    for kind in ("resource", "containerResource"):
        if source := _part(tree, kind):
            target = _target(source.get("targetAverageUtilization"), source.get("targetAverageValue"))
            new[kind] = {"name": source.get("name", ""), "target": target, **_given(container=source.get("container"))}
    if source := _part(tree, "pods"):
        target = {"type": "AverageValue", **_given(averageValue=source.get("targetAverageValue"))}
        new["pods"] = {"metric": _identifier(source, "selector"), "target": target}
    if source := _part(tree, "object"):
        average = source.get("averageValue")
        target = {"type": "AverageValue", "averageValue": average} if average else {"type": "Value"}
        value = source.get("targetValue")
        target |= _given(value=None if average and value == "0" else value)
        described = source.get("target", {})
        new["object"] = {"describedObject": described, "metric": _identifier(source, "selector"), "target": target}
    if source := _part(tree, "external"):
        value, average = source.get("targetValue"), source.get("targetAverageValue")
        target = {"type": "Value" if value else "AverageValue", **_given(value=value, averageValue=average)}
        new["external"] = {"metric": _identifier(source, "metricSelector"), "target": target}
    return _converted(new, t.MetricSpec)


def value_to_v1(metric: t.MetricStatus) -> Tree:
    """A metric and its current value."""
    tree: Tree = {"type": metric.type}
    if metric.resource is not None:
        tree["resource"] = {"name": metric.resource.name, **_current(metric.resource.current)}
    if metric.container_resource is not None:
        source = metric.container_resource
        tree["containerResource"] = {"name": source.name, **_current(source.current), "container": source.container}
    return tree


def value_from_v1(tree: Tree) -> t.MetricStatus | None:
    """None for what is no metric of the kinds that this cluster measures."""
    new: Tree = {"type": tree.get("type", "")}
    for kind in ("resource", "containerResource"):
        if source := _part(tree, kind):
            current = _given(
                averageUtilization=source.get("currentAverageUtilization"),
                averageValue=source.get("currentAverageValue"),
            )
            new[kind] = {
                "name": source.get("name", ""),
                "current": current,
                **_given(container=source.get("container")),
            }
    return _converted(new, t.MetricStatus)


def _per_resource(target: t.MetricTarget, prefix: str) -> Tree:
    utilization, value = target.average_utilization, target.average_value
    return _given(**{f"{prefix}AverageUtilization": utilization, f"{prefix}AverageValue": value})


def _current(current: t.MetricValueStatus) -> Tree:
    utilization = _given(currentAverageUtilization=current.average_utilization)
    return {**utilization, "currentAverageValue": current.average_value or "0"}


def _identity(metric: t.MetricIdentifier, name: str, selector: str) -> Tree:
    chosen = None if metric.selector is None else codec.to_tree(metric.selector)
    return {name: metric.name, **_given(**{selector: chosen})}


def _identifier(source: Tree, selector: str) -> Tree:
    return {"name": source.get("metricName", ""), **_given(selector=source.get(selector))}


def _target(utilization: Any, value: Any) -> Tree:
    kind = "AverageValue" if utilization is None else "Utilization"
    return {"type": kind, **_given(averageUtilization=utilization, averageValue=value)}


def _given(**values: Any) -> Tree:
    return {name: value for name, value in values.items() if value is not None}


def _part(tree: Tree, name: str) -> Tree:
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def _converted(tree: Tree, record: type[R]) -> R | None:
    try:
        return msgspec.convert(tree, record)
    except msgspec.ValidationError:
        return None
