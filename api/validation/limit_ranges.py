"""Limit ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api import names, quantity
from api.errors import FieldError
from api.types import LimitRange, LimitRangeItem
from api.validation import resources
from api.validation.checks import Errors, well_formed

_TYPES: Final = frozenset({"Pod", "Container", "PersistentVolumeClaim"})


def limit_range(limit_range: LimitRange) -> Errors:
    seen: set[str] = set()
    for index, item in enumerate(limit_range.spec.limits):
        path = f"spec.limits[{index}]"
        yield from well_formed(item.type, f"{path}.type", names.qualified_name)
        if "/" not in item.type and item.type not in _TYPES:
            detail = "must be a standard limit type or fully qualified"
            yield FieldError.invalid(f"{path}.type", item.type, detail)
        if item.type in seen:
            yield FieldError.duplicate(f"{path}.type", item.type)
        seen.add(item.type)
        yield from _names(item, path)
        yield from _amounts(item, path)


def _names(item: LimitRangeItem, path: str) -> Errors:
    yield from _resource_names(item.type, item.max, f"{path}.max")
    yield from _resource_names(item.type, item.min, f"{path}.min")
    if item.type == "Pod":
        for amounts, field in ((item.default, "default"), (item.default_request, "defaultRequest")):
            if amounts:
                yield FieldError.forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'")
    else:
        yield from _resource_names(item.type, item.default, f"{path}.default")
        yield from _resource_names(item.type, item.default_request, f"{path}.defaultRequest")
    if item.type == "PersistentVolumeClaim" and "storage" not in {*item.min, *item.max}:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        yield FieldError.required(f"{path}.limits", detail)
    yield from _resource_names(item.type, item.max_limit_request_ratio, f"{path}.maxLimitRequestRatio")


def _resource_names(type_: str, amounts: Mapping[str, str], path: str) -> Errors:
    for name in amounts:
        where = f"{path}[{name}]"
        if type_ in ("Pod", "Container"):
            yield from resources.container_resource_name(name, where)
        else:
            yield from resources.resource_name(name, where)


def _amounts(item: LimitRangeItem, path: str) -> Errors:
    """Minimum, defaults and maximum must be in this order."""
    every = {*item.max, *item.min, *item.default, *item.default_request, *item.max_limit_request_ratio}
    for name in sorted(every):
        yield from _order(item, name, path)
        yield from _ratio(item, name, f"{path}.maxLimitRequestRatio[{name}]")
        default, request = item.default.get(name), item.default_request.get(name)
        if default and request and not resources.overcommits(name) and not _same(default, request):
            detail = f"default value {default} must equal to defaultRequest value {request} in {name}"
            yield FieldError.invalid(f"{path}.defaultRequest[{name}]", request, detail)


def _order(item: LimitRangeItem, name: str, path: str) -> Errors:
    low, high = item.min.get(name), item.max.get(name)
    default, request = item.default.get(name), item.default_request.get(name)
    pairs = (
        ("min", low, low, high, "min value {} is greater than max value {}"),
        ("defaultRequest", request, low, request, "min value {} is greater than default request value {}"),
        ("defaultRequest", request, request, high, "default request value {} is greater than max value {}"),
        (
            "defaultRequest",
            request,
            request,
            default,
            "default request value {} is greater than default limit value {}",
        ),
        ("default", low, low, default, "min value {} is greater than default value {}"),
        ("default", high, default, high, "default value {} is greater than max value {}"),
    )
    for field, shown, smaller, larger, detail in pairs:
        if smaller and larger and quantity.parse(smaller) > quantity.parse(larger):
            yield FieldError.invalid(f"{path}.{field}[{name}]", shown, detail.format(smaller, larger))


def _ratio(item: LimitRangeItem, name: str, path: str) -> Errors:
    ratio = item.max_limit_request_ratio.get(name)
    if ratio is None:
        return
    value = quantity.parse(ratio)
    if value < 1:
        yield FieldError.invalid(path, ratio, f"ratio {ratio} is less than 1")
    low, high = quantity.parse(item.min.get(name, "0")), quantity.parse(item.max.get(name, "0"))
    if low and high and value > high / low:
        yield FieldError.invalid(path, ratio, f"ratio {ratio} is greater than max/min = {float(high / low):f}")


def _same(one: str, other: str) -> bool:
    return quantity.parse(one) == quantity.parse(other)
