"""Defaults of limit ranges and priority classes."""

from __future__ import annotations

from collections.abc import Mapping

from api.defaults.fill import fill, put, within
from api.types import LimitRange, LimitRangeItem, LimitRangeSpec, PriorityClass


def priority_class(priority_class: PriorityClass) -> PriorityClass:
    return fill(priority_class, preemption_policy="PreemptLowerPriority")


def limit_range(limit_range: LimitRange) -> LimitRange:
    return within(limit_range, spec=_limits)


def _limits(spec: LimitRangeSpec) -> LimitRangeSpec:
    return within(spec, limits=_item)


def _item(item: LimitRangeItem) -> LimitRangeItem:
    """Containers take the most they may have where nothing is said, and request that or at least the minimum."""
    if item.type != "Container":
        return item
    default = _filled(item.default, item.max)
    request = _filled(_filled(item.default_request, default), item.min)
    return put(item, default=default, default_request=request)


def _filled(amounts: dict[str, str], fallback: Mapping[str, str]) -> dict[str, str]:
    missing = {name: amount for name, amount in fallback.items() if name not in amounts}
    return {**amounts, **missing} if missing else amounts
