"""Defaults of HorizontalPodAutoscalers (upstream `pkg/apis/autoscaling/v2/defaults.go`)."""

from __future__ import annotations

from typing import Final

from api.defaults.fill import fill, put, within
from api.types import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSpec,
    MetricTarget,
    ResourceMetricSource,
)

CPU_UTILIZATION: Final = 80
_DOUBLING: Final = HPAScalingPolicy(type="Percent", value=100, period_seconds=15)
_FOUR_PODS: Final = HPAScalingPolicy(type="Pods", value=4, period_seconds=15)
_CPU: Final = MetricSpec(
    type="Resource",
    resource=ResourceMetricSource(
        name="cpu", target=MetricTarget(type="Utilization", average_utilization=CPU_UTILIZATION)
    ),
)


def horizontal_pod_autoscaler(autoscaler: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler:
    return within(autoscaler, spec=_spec)


def _spec(spec: HorizontalPodAutoscalerSpec) -> HorizontalPodAutoscalerSpec:
    spec = fill(spec, min_replicas=1)
    if not spec.metrics:
        spec = put(spec, metrics=[_CPU])
    return within(spec, behavior=_behavior)


def _behavior(behavior: HorizontalPodAutoscalerBehavior) -> HorizontalPodAutoscalerBehavior:
    """Who says something about one direction is told what holds for both."""
    # How long scaling down waits is the controller's to say.
    up = _rules(behavior.scale_up, [_FOUR_PODS, _DOUBLING])
    return put(
        behavior,
        scale_up=fill(up, stabilization_window_seconds=0),
        scale_down=_rules(behavior.scale_down, [_DOUBLING]),
    )


def _rules(rules: HPAScalingRules | None, policies: list[HPAScalingPolicy]) -> HPAScalingRules:
    rules = fill(rules or HPAScalingRules(), select_policy="Max")
    return rules if rules.policies else put(rules, policies=policies)
