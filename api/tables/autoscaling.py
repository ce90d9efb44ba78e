"""How autoscalers and measurements are shown."""

from collections.abc import Iterable

from api import quantity
from api.autoscaler_conversion import to_v2
from api.tables.layout import AGE, NAME, Cell, Column, Layout
from api.tables.text import UNSET, age
from api.types import (
    AutoscalingV1HorizontalPodAutoscaler,
    HorizontalPodAutoscaler,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    NodeMetrics,
    PodMetrics,
)

_UNKNOWN = "<unknown>"
_AUTO = "<auto>"
_MAX_SHOWN = 2


def targets(metrics: list[MetricSpec], current: list[MetricStatus]) -> str:
    """Each metric's value and target; of many the first two."""
    shown = [_metric(metric, _current(current, position)) for position, metric in enumerate(metrics)]
    if not shown:
        return "<none>"
    more = len(shown) - _MAX_SHOWN
    text = ", ".join(shown[:_MAX_SHOWN])
    return f"{text} + {more} more..." if more > 0 else text


def _current(current: list[MetricStatus], position: int) -> MetricStatus:
    return current[position] if position < len(current) else MetricStatus()


def _metric(metric: MetricSpec, current: MetricStatus) -> str:
    if metric.resource is not None:
        value = current.resource.current if current.resource is not None else None
        return f"{metric.resource.name}: {_pair(metric.resource.target, value)}"
    if metric.container_resource is not None:
        value = current.container_resource.current if current.container_resource is not None else None
        return f"{metric.container_resource.name}: {_pair(metric.container_resource.target, value)}"
    if metric.pods is not None:
        value = current.pods.current if current.pods is not None else None
        return f"{_average(value)}/{metric.pods.target.average_value}"
    if metric.object is not None:
        value = current.object.current if current.object is not None else None
        return _value_or_average(metric.object.target, value)
    if metric.external is not None:
        value = current.external.current if current.external is not None else None
        return _value_or_average(metric.external.target, value)
    return _UNKNOWN


def _pair(target: MetricTarget, current: MetricValueStatus | None) -> str:
    if target.average_value is not None:
        return f"{_average(current)}/{target.average_value}"
    known = current is not None and current.average_utilization is not None
    wanted = _AUTO if target.average_utilization is None else f"{target.average_utilization}%"
    return f"{current.average_utilization}%/{wanted}" if known and current is not None else f"{_UNKNOWN}/{wanted}"


def _value_or_average(target: MetricTarget, current: MetricValueStatus | None) -> str:
    if target.average_value is not None:
        return f"{_average(current)}/{target.average_value} (avg)"
    value = current.value if current is not None and current.value else _UNKNOWN
    return f"{value}/{target.value}"


def _average(current: MetricValueStatus | None) -> str:
    return current.average_value if current is not None and current.average_value else _UNKNOWN


def _cells(autoscaler: HorizontalPodAutoscaler, now: float) -> list[Cell]:
    spec, status = autoscaler.spec, autoscaler.status
    return [
        autoscaler.metadata.name,
        f"{spec.scale_target_ref.kind}/{spec.scale_target_ref.name}",
        targets(spec.metrics, status.current_metrics),
        UNSET if spec.min_replicas is None else str(spec.min_replicas),
        str(spec.max_replicas),
        str(status.current_replicas),
        age(autoscaler.metadata, now),
    ]


def _cells_of_v1(autoscaler: AutoscalingV1HorizontalPodAutoscaler, now: float) -> list[Cell]:
    return _cells(to_v2(autoscaler), now)


def _usage(usages: Iterable[dict[str, str]], window: str) -> list[Cell]:
    found = list(usages)
    cpu = sum(quantity.parse(usage.get("cpu", "0")) for usage in found)
    memory = sum(quantity.parse(usage.get("memory", "0")) for usage in found)
    return [quantity.format(cpu), quantity.format(memory, "BinarySI"), window]


_COLUMNS = (
    NAME,
    Column("Reference", "What is scaled."),
    Column("Targets", "The metrics: their values and targets."),
    Column("MinPods", "The least number of pods."),
    Column("MaxPods", "The greatest number of pods."),
    Column("Replicas", "How many pods there are."),
    AGE,
)
_MEASURED = (
    NAME,
    Column("CPU", "The CPU that is used."),
    Column("Memory", "The working set."),
    Column("Window", "How long was measured."),
)
HORIZONTAL_POD_AUTOSCALERS = Layout(_COLUMNS, _cells)
HORIZONTAL_POD_AUTOSCALERS_V1 = Layout(_COLUMNS, _cells_of_v1)


def _node_cells(metrics: NodeMetrics, now: float) -> list[Cell]:
    return [metrics.metadata.name, *_usage([metrics.usage], metrics.window)]


def _pod_cells(metrics: PodMetrics, now: float) -> list[Cell]:
    return [metrics.metadata.name, *_usage((each.usage for each in metrics.containers), metrics.window)]


NODE_METRICS = Layout(_MEASURED, _node_cells)
POD_METRICS = Layout(_MEASURED, _pod_cells)
