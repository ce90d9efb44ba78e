"""Pod disruption budgets."""

from __future__ import annotations

import re
from typing import Final

from api.errors import FieldError
from api.types import PodDisruptionBudget
from api.validation.checks import Errors, known, non_negative
from api.validation.selectors import label_selector
from api.validation.workloads import count_or_percent

_POLICIES: Final = ("IfHealthyBudget", "AlwaysAllow")
_PERCENT: Final = re.compile(r"[0-9]+%")


def pod_disruption_budget(budget: PodDisruptionBudget) -> Errors:
    spec = budget.spec
    if spec.min_available is not None and spec.max_unavailable is not None:
        yield FieldError.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    if spec.min_available is not None:
        yield from _amount(spec.min_available, "spec.minAvailable")
    if spec.max_unavailable is not None:
        yield from _amount(spec.max_unavailable, "spec.maxUnavailable")
    yield from label_selector(spec.selector, "spec.selector")
    yield from known(spec.unhealthy_pod_eviction_policy, "spec.unhealthyPodEvictionPolicy", _POLICIES)


def pod_disruption_budget_status(new: PodDisruptionBudget, old: PodDisruptionBudget) -> Errors:
    status = new.status
    yield from non_negative(status.disruptions_allowed, "status.disruptionsAllowed")
    yield from non_negative(status.current_healthy, "status.currentHealthy")
    yield from non_negative(status.desired_healthy, "status.desiredHealthy")
    yield from non_negative(status.expected_pods, "status.expectedPods")


def _amount(value: int | str, path: str) -> Errors:
    """A number of pods, or a part of them."""
    yield from count_or_percent(value, path)
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        yield FieldError.invalid(path, value, "must not be greater than 100%")
