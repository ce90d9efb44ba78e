"""What to do about an autoscaler. Pure. Source: upstream's horizontal controller, its conditions, events and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api import timestamps
from api.types import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
    MetricStatus,
)
from controllers.horizontal_autoscaler.history import History
from controllers.horizontal_autoscaler.limits import normalize
from controllers.horizontal_autoscaler.metrics import Outcome, Readings, evaluate
from controllers.horizontal_autoscaler.settings import AutoscalerSettings

ABLE = "AbleToScale"
ACTIVE = "ScalingActive"
LIMITED = "ScalingLimited"
NO_SCALE = "the HPA controller was unable to get the target's current scale: "


@dataclass(frozen=True, slots=True)
class Telling:
    """An event to record."""

    reason: str
    message: str


@dataclass(slots=True)
class Decision:
    """status: as it is without a rescale. rescale: to how many replicas, None for no change; `cause` says why.

    warnings: what went wrong.
    """

    status: HorizontalPodAutoscalerStatus
    rescale: int | None = None
    cause: str = ""
    warnings: list[Telling] = field(default_factory=list)


def without_scale(autoscaler: HorizontalPodAutoscaler, problem: str, now: float) -> Decision:
    """The target, or its size, could not be had."""
    status = with_condition(autoscaler.status, ABLE, "False", "FailedGetScale", f"{NO_SCALE}{problem}", now)
    return Decision(status, warnings=[Telling("FailedGetScale", problem)])


def without_pods(
    autoscaler: HorizontalPodAutoscaler, current: int, reason: str, warning: str, message: str, now: float
) -> Decision:
    """Which pods the target has cannot be told, or not as they are this autoscaler's alone."""
    status = _with_scale(autoscaler, current, now)
    status = with_condition(status, ACTIVE, "False", reason, message, now)
    warnings = [Telling(warning, message), Telling("FailedComputeMetricsReplicas", message)]
    return Decision(replace(status, current_replicas=current), warnings=warnings)


def without_metrics(autoscaler: HorizontalPodAutoscaler, current: int, now: float) -> Decision | None:
    """What is decided by the bounds alone; None when the metrics have to be asked."""
    spec = autoscaler.spec
    least = 1 if spec.min_replicas is None else spec.min_replicas
    status = _with_scale(autoscaler, current, now)
    if current == 0 and least != 0:
        words = "scaling is disabled since the replica count of the target is zero"
        status = with_condition(status, ACTIVE, "False", "ScalingDisabled", words, now)
        return Decision(_counted(status, current, 0, status.current_metrics))
    if current > spec.max_replicas:
        cause, wanted = "Current number of replicas above Spec.MaxReplicas", spec.max_replicas
    elif current < least:
        cause, wanted = "Current number of replicas below Spec.MinReplicas", least
    else:
        return None
    return Decision(_counted(status, current, current, status.current_metrics), wanted, cause)


def by_metrics(
    autoscaler: HorizontalPodAutoscaler,
    current: int,
    readings: Readings,
    history: History,
    settings: AutoscalerSettings,
    now: float,
) -> Decision:
    """What the metrics call for, as fast and as far as the autoscaler's behavior and bounds allow."""
    outcome = evaluate(autoscaler.spec, current, readings, settings, now)
    status = _with_scale(autoscaler, current, now)
    warnings = [Telling(each.reason, each.message) for each in outcome.failures]
    if outcome.replicas is None:
        first = outcome.failures[0]
        words = f"the HPA was unable to compute the replica count: {first.message}"
        status = with_condition(status, ACTIVE, "False", first.reason, words, now)
        warnings.append(Telling("FailedComputeMetricsReplicas", outcome.error))
        status = replace(status, current_replicas=current, current_metrics=outcome.statuses)
        return Decision(status, warnings=warnings)
    words = f"the HPA was able to successfully calculate a replica count from {outcome.name}"
    status = with_condition(status, ACTIVE, "True", "ValidMetricFound", words, now)
    normal = normalize(autoscaler.spec, current, outcome.replicas, history, settings, now)
    status = with_condition(status, ABLE, "True", *normal.able, now)
    status = with_condition(status, LIMITED, "True" if normal.limited else "False", *normal.limit, now)
    status = _counted(status, current, current, outcome.statuses)
    if normal.replicas == current:
        return Decision(status, warnings=warnings)
    return Decision(status, normal.replicas, _cause(outcome, current), warnings)


def after_rescale(decision: Decision, wanted: int, now: float) -> HorizontalPodAutoscalerStatus:
    """The status once the target has its new size."""
    words = f"the HPA controller was able to update the target scale to {wanted}"
    status = with_condition(decision.status, ABLE, "True", "SucceededRescale", words, now)
    return replace(status, desired_replicas=wanted, last_scale_time=timestamps.now_text(now))


def after_failed_rescale(
    old: HorizontalPodAutoscaler, decision: Decision, error: str, now: float
) -> HorizontalPodAutoscalerStatus:
    """The status when the target could not be given its new size: what was wanted before is wanted still."""
    words = f"the HPA controller was unable to update the target scale: {error}"
    status = with_condition(decision.status, ABLE, "False", "FailedUpdateScale", words, now)
    return replace(status, desired_replicas=old.status.desired_replicas)


def with_condition(
    status: HorizontalPodAutoscalerStatus, type_: str, value: str, reason: str, message: str, now: float
) -> HorizontalPodAutoscalerStatus:
    """Set a condition; its time moves with its status."""
    old = next((each for each in status.conditions if each.type == type_), None)
    kept = old.last_transition_time if old is not None and old.status == value else None
    new = HorizontalPodAutoscalerCondition(
        type=type_,
        status=value,
        reason=reason,
        message=message,
        last_transition_time=kept or timestamps.now_text(now),
    )
    others = [new if each is old else each for each in status.conditions]
    return replace(status, conditions=others if old is not None else [*others, new])


def _cause(outcome: Outcome, current: int) -> str:
    wanted = outcome.replicas or 0
    return f"{outcome.name} above target" if wanted > current else "All metrics below target"


def _with_scale(autoscaler: HorizontalPodAutoscaler, current: int, now: float) -> HorizontalPodAutoscalerStatus:
    words = "the HPA controller was able to get the target's current scale"
    return with_condition(autoscaler.status, ABLE, "True", "SucceededGetScale", words, now)


def _counted(
    status: HorizontalPodAutoscalerStatus, current: int, desired: int, metrics: Sequence[MetricStatus]
) -> HorizontalPodAutoscalerStatus:
    return replace(status, current_replicas=current, desired_replicas=desired, current_metrics=list(metrics))
