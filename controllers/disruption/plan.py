"""What a budget's status must say. Pure. Source: upstream's disruption controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Final

from msgspec.structs import replace

from api import timestamps
from api.types import Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from controllers.disruption.scale import Expected, Find, ScaleError, expected_scale
from controllers.pods import condition, is_ready, is_terminal

ALLOWED: Final = "DisruptionAllowed"
# How long an eviction may take to show as the pod's deletion.
DELETION_SECONDS: Final = 120.0
STALE_SECONDS: Final = 120.0
DISRUPTION_TARGET: Final = "DisruptionTarget"


@dataclass(frozen=True, slots=True)
class Plan:
    """status: what to write. recheck: seconds until time alone changes it, None for never.

    undeleted: pods that were evicted and are still there. unmanaged: pods that have no owner whose size could be asked.
    failure: why the budget allows nothing until further notice, or "".
    """

    status: PodDisruptionBudgetStatus
    recheck: float | None = None
    undeleted: Sequence[Pod] = ()
    unmanaged: Sequence[Pod] = ()
    failure: str = ""


@dataclass(slots=True)
class _Disrupted:
    pods: dict[str, str] = field(default_factory=dict)
    expired: list[Pod] = field(default_factory=list)
    recheck: float | None = None


def plan(budget: PodDisruptionBudget, pods: Sequence[Pod], find: Find, now: float) -> Plan:
    """The status for the pods a budget selects; `now` in seconds since the epoch."""
    try:
        expected, desired, unmanaged = _bounds(budget.spec, pods, find)
    except ScaleError as error:
        return Plan(_failed(budget, str(error), now), failure=str(error))
    disrupted = _still_disrupted(budget.status.disrupted_pods, pods, now)
    healthy = sum(
        1
        for pod in pods
        if pod.metadata.deletion_timestamp is None and pod.metadata.name not in disrupted.pods and is_ready(pod)
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    status = PodDisruptionBudgetStatus(
        conditions=_conditions(budget, "SufficientPods" if allowed else "InsufficientPods", "", allowed > 0, now),
        current_healthy=healthy,
        desired_healthy=desired,
        disrupted_pods=disrupted.pods,
        disruptions_allowed=allowed,
        expected_pods=expected,
        observed_generation=budget.metadata.generation,
    )
    return Plan(status, disrupted.recheck, disrupted.expired, unmanaged)


def stale_disruption(pod: Pod, now: float) -> float | None:
    """Seconds until the pod's condition DisruptionTarget is stale, 0 when it is; None when it does not get so."""
    target = condition(pod, DISRUPTION_TARGET)
    if target is None or target.status != "True" or target.reason == "TerminationByKubelet":
        return None
    if is_terminal(pod) or pod.metadata.deletion_timestamp is not None:
        return None
    since = timestamps.parse(target.last_transition_time) if target.last_transition_time else 0.0
    return max(0.0, since + STALE_SECONDS - now)


def _bounds(spec: PodDisruptionBudgetSpec, pods: Sequence[Pod], find: Find) -> tuple[int, int, Sequence[Pod]]:
    """How many pods there should be, how many must be healthy, and those that no owner speaks for."""
    if spec.max_unavailable is not None:
        whole = expected_scale(pods, find)
        return whole.count, max(0, whole.count - _part(spec.max_unavailable, whole)), whole.unmanaged
    if isinstance(spec.min_available, str):
        whole = expected_scale(pods, find)
        return whole.count, _part(spec.min_available, whole), whole.unmanaged
    return len(pods), spec.min_available or 0, ()


def _part(value: int | str, whole: Expected) -> int:
    return value if isinstance(value, int) else ceil(Fraction(int(value.rstrip("%")) * whole.count, 100))


def _still_disrupted(recorded: Mapping[str, str], pods: Sequence[Pod], now: float) -> _Disrupted:
    """The evictions that have not shown yet. Those that came to nothing in time are given up."""
    result = _Disrupted()
    present = {pod.metadata.name: pod for pod in pods}
    for name, stamp in recorded.items():
        pod = present.get(name)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            continue
        left = timestamps.parse(stamp) + DELETION_SECONDS - now
        if left <= 0:
            result.expired.append(pod)
            continue
        result.pods[name] = stamp
        result.recheck = left if result.recheck is None else min(left, result.recheck)
    return result


def _failed(budget: PodDisruptionBudget, message: str, now: float) -> PodDisruptionBudgetStatus:
    """Nothing may be disrupted while nobody knows how many pods there should be."""
    return replace(
        budget.status,
        disruptions_allowed=0,
        observed_generation=budget.metadata.generation,
        conditions=_conditions(budget, "SyncFailed", message, False, now),
    )


def _conditions(budget: PodDisruptionBudget, reason: str, message: str, allowed: bool, now: float) -> list[Condition]:
    status = "True" if allowed else "False"
    old = next((each for each in budget.status.conditions if each.type == ALLOWED), None)
    kept = old is not None and old.status == status and old.last_transition_time
    new = Condition(
        type=ALLOWED,
        status=status,
        reason=reason,
        message=message,
        observed_generation=budget.metadata.generation,
        last_transition_time=kept or timestamps.now_text(now),
    )
    return (
        [new if each is old else each for each in budget.status.conditions]
        if old is not None
        else [
            *budget.status.conditions,
            new,
        ]
    )
