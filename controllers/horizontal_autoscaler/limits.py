"""From what metrics call for to what is done: stabilization, the rate of change, the bounds. Pure.

Source: upstream's horizontal controller (normalizeDesiredReplicas, ...WithBehaviors).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from api.types import HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, HPAScalingPolicy, HPAScalingRules
from controllers.horizontal_autoscaler.history import Entry, History, changed_within
from controllers.horizontal_autoscaler.settings import AutoscalerSettings

_SCALE_UP_FACTOR: Final = 2
_SCALE_UP_MINIMUM: Final = 4
_LOWEST: Final = "recent recommendations were lower than current one, applying the lowest recent recommendation"
_HIGHEST: Final = "recent recommendations were higher than current one, applying the highest recent recommendation"
_READY: Final = ("ReadyForNewScale", "recommended size matches current size")
_WITHIN: Final = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_MANY: Final = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FEW: Final = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_TOO_FAST_UP: Final = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_TOO_FAST_DOWN: Final = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")

Cause = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Normalized:
    """able and limit: reason and message of the conditions AbleToScale (True) and ScalingLimited (`limited`)."""

    replicas: int
    able: Cause
    limit: Cause
    limited: bool


def normalize(
    spec: HorizontalPodAutoscalerSpec,
    current: int,
    wanted: int,
    history: History,
    settings: AutoscalerSettings,
    now: float,
) -> Normalized:
    """`wanted` is remembered as a recommendation."""
    if spec.behavior is None:
        stable, able = _stabilized(wanted, history, settings, now)
        replicas, limit = _bounded(spec, current, stable)
    else:
        stable, able = _stabilized_by(spec.behavior, current, wanted, history, settings, now)
        replicas, limit = _paced(spec, spec.behavior, current, stable, history, now)
    return Normalized(replicas, able, limit, replicas != stable)


def _stabilized(wanted: int, history: History, settings: AutoscalerSettings, now: float) -> tuple[int, Cause]:
    seconds = settings.downscale_stabilization_seconds
    recent = [replicas for replicas, time in history.recommendations if time > now - seconds]
    history.recommend(wanted, now, seconds)
    stable = max(recent, default=wanted)
    return (stable, ("ScaleDownStabilized", _HIGHEST)) if stable > wanted else (wanted, _READY)


def _bounded(spec: HorizontalPodAutoscalerSpec, current: int, wanted: int) -> tuple[int, Cause]:
    limit = max(_SCALE_UP_FACTOR * current, _SCALE_UP_MINIMUM)
    most, cause = (limit, _TOO_FAST_UP) if spec.max_replicas > limit else (spec.max_replicas, _TOO_MANY)
    least = _minimum(spec)
    if wanted < least:
        return least, _TOO_FEW
    return (most, cause) if wanted > most else (wanted, _WITHIN)


def _stabilized_by(
    behavior: HorizontalPodAutoscalerBehavior,
    current: int,
    wanted: int,
    history: History,
    settings: AutoscalerSettings,
    now: float,
) -> tuple[int, Cause]:
    up, down = _window(behavior.scale_up, 0.0), _window(behavior.scale_down, settings.downscale_stabilization_seconds)
    lowest = min([wanted, *(replicas for replicas, time in history.recommendations if time > now - up)])
    highest = max([wanted, *(replicas for replicas, time in history.recommendations if time > now - down)])
    stable = min(max(current, lowest), highest)
    history.recommend(wanted, now, max(up, down))
    if stable == wanted:
        return stable, _READY
    return stable, ("ScaleUpStabilized", _LOWEST) if wanted >= current else ("ScaleDownStabilized", _HIGHEST)


def _window(rules: HPAScalingRules | None, default: float) -> float:
    seconds = rules.stabilization_window_seconds if rules is not None else None
    return default if seconds is None else seconds


def _paced(
    spec: HorizontalPodAutoscalerSpec,
    behavior: HorizontalPodAutoscalerBehavior,
    current: int,
    wanted: int,
    history: History,
    now: float,
) -> tuple[int, Cause]:
    if wanted > current:
        fastest = max(current, _fastest_up(behavior.scale_up or HPAScalingRules(), current, history, now))
        most, cause = (fastest, _TOO_FAST_UP) if spec.max_replicas > fastest else (spec.max_replicas, _TOO_MANY)
        return (most, cause) if wanted > most else (wanted, _WITHIN)
    if wanted < current:
        fastest = min(current, _fastest_down(behavior.scale_down or HPAScalingRules(), current, history, now))
        least, cause = (fastest, _TOO_FAST_DOWN) if _minimum(spec) < fastest else (_minimum(spec), _TOO_FEW)
        return (least, cause) if wanted < least else (wanted, _WITHIN)
    return wanted, _WITHIN


def _fastest_up(rules: HPAScalingRules, current: int, history: History, now: float) -> int:
    if rules.select_policy == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(policy, current, history.ups, history.downs, now)
        by_percent = policy.type == "Percent"
        proposals.append(ceil(start * (100 + policy.value) / 100) if by_percent else start + policy.value)
    return (min if rules.select_policy == "Min" else max)(proposals, default=current)


def _fastest_down(rules: HPAScalingRules, current: int, history: History, now: float) -> int:
    if rules.select_policy == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(policy, current, history.ups, history.downs, now)
        by_percent = policy.type == "Percent"
        proposals.append(int(start * (100 - policy.value) / 100) if by_percent else start - policy.value)
    # "Max" is the greatest change: the smallest number.
    return (max if rules.select_policy == "Min" else min)(proposals, default=current)


def _at_start(policy: HPAScalingPolicy, current: int, ups: list[Entry], downs: list[Entry], now: float) -> int:
    """How many replicas there were when the policy's period began."""
    seconds = policy.period_seconds
    return current - changed_within(ups, seconds, now) + changed_within(downs, seconds, now)


def _minimum(spec: HorizontalPodAutoscalerSpec) -> int:
    return 1 if spec.min_replicas is None else spec.min_replicas
