"""How many replicas one metric calls for. Pure. Source: upstream's replica calculator.

Pods whose use is unknown are taken at what speaks against a change: in full when there is little use, idle when there
is much; and no change is made that they would turn round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from controllers.horizontal_autoscaler.usage import Groups, MetricError, PodUse

# Upstream: pods nobody measured use at least all they asked for.
FULL_UTILIZATION = 100
Uses = Mapping[str, int]
# Upstream compares with float32's tolerance; ours absorbs what binary fractions add to 1.1.
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far from 1 the ratio of use to target may be."""

    up: float
    down: float

    def covers(self, ratio: float) -> bool:
        return 1.0 - self.down - _EPSILON <= ratio <= 1.0 + self.up + _EPSILON


@dataclass(frozen=True, slots=True)
class Proposal:
    """utilization: in percent of the requests, None for a target of another kind. average: thousandths a pod."""

    replicas: int
    utilization: int | None
    average: int


def by_utilization(
    current: int,
    target: int,
    uses: Mapping[str, PodUse],
    requests: Uses,
    groups: Groups,
    tolerance: Tolerance,
) -> Proposal:
    """For a target in percent of what the pods asked for. Raises MetricError."""
    counted = _counted(uses, groups)

    def ratio(amounts: Uses) -> float:
        return _utilization(amounts, requests) / target

    def in_full(pod: str) -> int:
        return requests.get(pod, 0) * max(FULL_UTILIZATION, target) // 100

    known = [amount for pod, amount in counted.items() if pod in requests]
    utilization = _utilization(counted, requests)
    replicas = _replicas(current, counted, groups, ratio, in_full, tolerance)
    return Proposal(replicas, utilization, sum(known) // len(known))


def by_average(current: int, target: int, uses: Mapping[str, PodUse], groups: Groups, tolerance: Tolerance) -> Proposal:
    """For a target in thousandths a pod. Raises MetricError."""
    counted = _counted(uses, groups)

    def ratio(amounts: Uses) -> float:
        return sum(amounts.values()) // len(amounts) / target

    replicas = _replicas(current, counted, groups, ratio, lambda _: target, tolerance)
    return Proposal(replicas, None, sum(counted.values()) // len(counted))


def _counted(uses: Mapping[str, PodUse], groups: Groups) -> dict[str, int]:
    left_out = groups.ignored | groups.unready
    counted = {pod: use.amount for pod, use in uses.items() if pod not in left_out}
    if not counted:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return counted


def _utilization(amounts: Uses, requests: Uses) -> int:
    known = [pod for pod in amounts if pod in requests]
    total = sum(requests[pod] for pod in known)
    if total == 0:
        raise MetricError("no metrics returned matched known pods")
    return sum(amounts[pod] for pod in known) * 100 // total


def _replicas(
    current: int,
    counted: Uses,
    groups: Groups,
    ratio_of: Callable[[Uses], float],
    in_full: Callable[[str], int],
    tolerance: Tolerance,
) -> int:
    ratio = ratio_of(counted)
    with_unready = bool(groups.unready) and ratio > 1.0
    if not with_unready and not groups.missing:
        return current if tolerance.covers(ratio) else _up(ratio * groups.ready)
    amounts = dict(counted)
    if ratio != 1.0:
        amounts |= {pod: in_full(pod) if ratio < 1.0 else 0 for pod in groups.missing}
    if with_unready:
        amounts |= dict.fromkeys(groups.unready, 0)
    careful = ratio_of(amounts)
    turned = (ratio < 1.0 < careful) or (careful < 1.0 < ratio)
    if turned or tolerance.covers(careful):
        return current
    replicas = _up(careful * len(amounts))
    against = (careful < 1.0 and replicas > current) or (careful > 1.0 and replicas < current)
    return current if against else replicas


def _up(replicas: float) -> int:
    return ceil(replicas - _EPSILON)
