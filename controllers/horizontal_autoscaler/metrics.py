"""How many replicas each of an autoscaler's metrics calls for, and what of them all follows. Pure.

Source: upstream's horizontal controller. Other sources than resources need the custom metrics APIs, extensions that are
not here: asking for them fails as it does upstream without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from api import quantity
from api.types import (
    ContainerResourceMetricStatus,
    HorizontalPodAutoscalerSpec,
    HPAScalingRules,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    Pod,
    PodMetrics,
    ResourceMetricStatus,
)
from controllers.horizontal_autoscaler import calculator
from controllers.horizontal_autoscaler.calculator import Proposal, Tolerance
from controllers.horizontal_autoscaler.settings import AutoscalerSettings
from controllers.horizontal_autoscaler.usage import MetricError, PodUse, group, measured, requested

_NO_CUSTOM: Final = "no custom metrics API (custom.metrics.k8s.io) registered"
_NO_EXTERNAL: Final = "no external metrics API (external.metrics.k8s.io) registered"


@dataclass(frozen=True, slots=True)
class Readings:
    """What a target's pods are and use. `failure`: why their metrics could not be had, or ""."""

    pods: Sequence[Pod]
    metrics: Sequence[PodMetrics]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A metric that gave nothing. reason: of the event and the condition."""

    reason: str
    message: str
    error: str


@dataclass(slots=True)
class Outcome:
    """replicas: the most that any metric calls for, by `name`; None when they cannot be told.

    statuses: a value for each metric that has one. failures: those that gave nothing.
    """

    replicas: int | None = None
    name: str = ""
    statuses: list[MetricStatus] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    metrics: int = 0

    @property
    def error(self) -> str:
        """What is wrong with the metrics, in a sentence; "" for nothing."""
        if not self.failures:
            return ""
        count = f"{len(self.failures)} invalid out of {self.metrics}"
        return f"invalid metrics ({count}), first error is: {self.failures[0].error}"


def evaluate(
    spec: HorizontalPodAutoscalerSpec, current: int, readings: Readings, settings: AutoscalerSettings, now: float
) -> Outcome:
    """Every metric on its own; a scale-down needs all of them, a scale-up one."""
    outcome = Outcome(metrics=len(spec.metrics))
    for metric in spec.metrics:
        try:
            name, status, replicas = _of_metric(metric, spec, current, readings, settings, now)
        except MetricError as error:
            outcome.failures.append(_failure(metric, str(error)))
            continue
        outcome.statuses.append(status)
        if outcome.replicas is None or replicas > outcome.replicas:
            outcome.name, outcome.replicas = name, replicas
    if outcome.failures and (outcome.replicas is None or outcome.replicas < current):
        outcome.replicas = None
    return outcome


def _of_metric(
    metric: MetricSpec,
    spec: HorizontalPodAutoscalerSpec,
    current: int,
    readings: Readings,
    settings: AutoscalerSettings,
    now: float,
) -> tuple[str, MetricStatus, int]:
    """The metric's name as rescaling is explained, its value, how many replicas it calls for. Raises MetricError."""
    if metric.resource is not None:
        resource, target = metric.resource.name, metric.resource.target
        proposal = _propose(resource, "", target, spec, current, readings, settings, now)
        value = ResourceMetricStatus(name=resource, current=_value(proposal))
        return _name(resource, "resource", proposal), MetricStatus(type=metric.type, resource=value), proposal.replicas
    if metric.container_resource is not None:
        source = metric.container_resource
        proposal = _propose(source.name, source.container, source.target, spec, current, readings, settings, now)
        of_container = ContainerResourceMetricStatus(
            name=source.name, container=source.container, current=_value(proposal)
        )
        status = MetricStatus(type=metric.type, container_resource=of_container)
        return _name(source.name, "container resource", proposal), status, proposal.replicas
    raise MetricError(_unavailable(metric))


def _propose(
    resource: str,
    container: str,
    target: MetricTarget,
    spec: HorizontalPodAutoscalerSpec,
    current: int,
    readings: Readings,
    settings: AutoscalerSettings,
    now: float,
) -> Proposal:
    if target.average_value is None and target.average_utilization is None:
        raise MetricError("invalid resource metric source: neither a utilization target nor a value target was set")
    uses = _uses(resource, container, readings)
    if not readings.pods:
        words = "pods returned by selector while calculating replica count"
        raise MetricError(f"{'No' if target.average_value is None else 'no'} {words}")
    groups = group(readings.pods, uses, resource, settings, now)
    tolerance = tolerance_of(spec, settings)
    if target.average_value is not None:
        return calculator.by_average(current, quantity.milli(target.average_value), uses, groups, tolerance)
    requests = requested(readings.pods, resource, container)
    return calculator.by_utilization(current, target.average_utilization or 0, uses, requests, groups, tolerance)


def _uses(resource: str, container: str, readings: Readings) -> dict[str, PodUse]:
    try:
        if readings.failure:
            raise MetricError(f"unable to fetch metrics from resource metrics API: {readings.failure}")
        return measured(readings.metrics, resource, container)
    except MetricError as error:
        raise MetricError(f"unable to get metrics for resource {resource}: {error}") from None


def tolerance_of(spec: HorizontalPodAutoscalerSpec, settings: AutoscalerSettings) -> Tolerance:
    """How far metrics may be from their targets: what the autoscaler says, else what holds for all."""

    def one(rules: HPAScalingRules | None) -> float:
        given = rules.tolerance if rules is not None else None
        return settings.tolerance if given is None else float(quantity.parse(given))

    behavior = spec.behavior
    return Tolerance(
        up=one(behavior.scale_up if behavior is not None else None),
        down=one(behavior.scale_down if behavior is not None else None),
    )


def _value(proposal: Proposal) -> MetricValueStatus:
    average = quantity.canonical(f"{proposal.average}m")
    return MetricValueStatus(average_utilization=proposal.utilization, average_value=average)


def _name(resource: str, kind: str, proposal: Proposal) -> str:
    part = " utilization (percentage of request)" if proposal.utilization is not None else ""
    return f"{resource} {kind}{part}"


def _unavailable(metric: MetricSpec) -> str:
    if metric.pods is not None:
        return f"unable to get metric {metric.pods.metric.name}: {_custom()}"
    if metric.object is not None:
        return f"unable to get metric {metric.object.metric.name}: {_custom()}"
    if metric.external is not None:
        return f"unable to fetch metrics from external metrics API: {_NO_EXTERNAL}"
    return f'unknown metric source type "{metric.type}"'


def _custom() -> str:
    return f"unable to fetch metrics from custom metrics API: {_NO_CUSTOM}"


def _failure(metric: MetricSpec, message: str) -> Failure:
    match metric.type:
        case "Resource" | "ContainerResource":
            source = metric.resource or metric.container_resource
            what = "container resource" if metric.type == "ContainerResource" else "resource"
            wrapped = f"failed to get {source.name if source is not None else ''} {what} metric value: {message}"
            return Failure(f"FailedGet{metric.type}Metric", message, wrapped)
        case "Pods" | "Object" | "External":
            wrapped = f"failed to get {metric.type.lower()} metric value: {message}"
            return Failure(f"FailedGet{metric.type}Metric", message, wrapped)
    return Failure("InvalidMetricSourceType", message, message)
