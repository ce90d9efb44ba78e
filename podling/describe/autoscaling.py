"""HorizontalPodAutoscalers: metrics against their targets, bounds, behavior, conditions."""

from collections.abc import Iterable

from api.types import (
    Event,
    HorizontalPodAutoscaler,
    HPAScalingRules,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
)
from podling.describe.common import annotations, events, head, labels, moment
from podling.describe.page import Page

_UNKNOWN = "<unknown>"
_UTILIZATION = "(as a percentage of request)"


def describe_autoscaler(autoscaler: HorizontalPodAutoscaler, found: Iterable[Event], now: float) -> str:
    """An autoscaler; `now` is in seconds since the epoch."""
    page, spec, status = Page(), autoscaler.spec, autoscaler.status
    target = spec.scale_target_ref
    head(page, autoscaler.metadata)
    labels(page, "Labels", autoscaler.metadata.labels)
    annotations(page, autoscaler.metadata.annotations)
    page.field("CreationTimestamp", moment(autoscaler.metadata.creation_timestamp))
    page.field("Reference", f"{target.kind}/{target.name}")
    page.field("Metrics", "( current / target )")
    for position, metric in enumerate(spec.metrics):
        known = position < len(status.current_metrics)
        what, values = _metric(metric, status.current_metrics[position] if known else MetricStatus())
        page.field(what, values, level=1)
    page.field("Min replicas", "<unset>" if spec.min_replicas is None else spec.min_replicas)
    page.field("Max replicas", spec.max_replicas)
    if spec.behavior is not None:
        page.line("Behavior:")
        _rules(page, "Scale Up", spec.behavior.scale_up)
        _rules(page, "Scale Down", spec.behavior.scale_down)
    page.field(f"{target.kind} pods", f"{status.current_replicas} current / {status.desired_replicas} desired")
    if status.conditions:
        page.line("Conditions:")
        rows = [(each.type, each.status, each.reason, each.message) for each in status.conditions]
        page.table(("Type", "Status", "Reason", "Message"), rows)
    events(page, found, now)
    return page.show()


def _metric(metric: MetricSpec, current: MetricStatus) -> tuple[str, str]:
    """What is measured, and its value beside the target."""
    if metric.resource is not None:
        value = current.resource.current if current.resource is not None else None
        return _of_resource(f"resource {metric.resource.name} on pods ", metric.resource.target, value)
    if metric.container_resource is not None:
        source = metric.container_resource
        value = current.container_resource.current if current.container_resource is not None else None
        return _of_resource(f"resource {source.name} of container {source.container!r} on pods ", source.target, value)
    if metric.pods is not None:
        return f'"{metric.pods.metric.name}" on pods', f"{_UNKNOWN} / {metric.pods.target.average_value}"
    if metric.object is not None:
        described = metric.object.described_object
        target = metric.object.target
        what = f'"{metric.object.metric.name}" on {described.kind}/{described.name}'
        return what, f"{_UNKNOWN} / {target.value or target.average_value}"
    if metric.external is not None:
        target = metric.external.target
        kind = "target value" if target.value is not None else "target average value"
        return f'"{metric.external.metric.name}" ({kind})', f"{_UNKNOWN} / {target.value or target.average_value}"
    return f"<unknown metric type {metric.type!r}>", _UNKNOWN


def _of_resource(what: str, target: MetricTarget, current: MetricValueStatus | None) -> tuple[str, str]:
    if target.average_value is not None:
        value = current.average_value if current is not None and current.average_value else _UNKNOWN
        return what.rstrip(), f"{value} / {target.average_value}"
    wanted = "<auto>" if target.average_utilization is None else f"{target.average_utilization}%"
    if current is None or current.average_utilization is None:
        return f"{what} {_UTILIZATION}", f"{_UNKNOWN} / {wanted}"
    return f"{what} {_UTILIZATION}", f"{current.average_utilization}% ({current.average_value}) / {wanted}"


def _rules(page: Page, title: str, rules: HPAScalingRules | None) -> None:
    if rules is None:
        return
    page.line(f"{title}:", level=1)
    if rules.stabilization_window_seconds is not None:
        page.line(f"Stabilization Window: {rules.stabilization_window_seconds} seconds", level=2)
    page.line(f"Select Policy: {rules.select_policy or 'Max'}", level=2)
    page.line("Policies:", level=2)
    for policy in rules.policies:
        page.line(
            f"- Type: {policy.type}", f"Value: {policy.value}", f"Period: {policy.period_seconds} seconds", level=3
        )
