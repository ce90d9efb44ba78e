"""Resource quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.errors import FieldError
from api.types import ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement
from api.validation import resources
from api.validation.checks import Errors, immutable, required

_SCOPES: Final = frozenset(
    {"Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"}
    | {"VolumeAttributesClass"}
)
_POD_RESOURCES: Final = frozenset(
    {"pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"}
)
_CLAIM_RESOURCES: Final = frozenset({"persistentvolumeclaims", "requests.storage"})
_ONLY_EXISTS: Final = _SCOPES - {"PriorityClass", "VolumeAttributesClass"}
_CONFLICTS: Final = (frozenset({"BestEffort", "NotBestEffort"}), frozenset({"Terminating", "NotTerminating"}))
_MUST_EXIST: Final = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def resource_quota(quota: ResourceQuota) -> Errors:
    yield from _amounts(quota.spec.hard, "spec.hard")
    yield from _scopes(quota.spec)
    yield from _scope_selector(quota.spec)
    yield from _status(quota)


def resource_quota_update(new: ResourceQuota, old: ResourceQuota) -> Errors:
    yield from resource_quota(new)
    if set(new.spec.scopes) != set(old.spec.scopes):
        yield from immutable(new.spec.scopes, old.spec.scopes, "spec.scopes")


def resource_quota_status(new: ResourceQuota, old: ResourceQuota) -> Errors:
    yield from _status(new)


def _status(quota: ResourceQuota) -> Errors:
    yield from _amounts(quota.status.hard, "status.hard")
    yield from _amounts(quota.status.used, "status.used")


def _amounts(amounts: Mapping[str, str], path: str) -> Errors:
    for name, amount in amounts.items():
        where = f"{path}[{name}]"
        yield from resources.resource_name(name, where)
        if "/" not in name and not resources.is_quota_resource(name):
            yield FieldError.invalid(where, name, "must be a standard resource for quota")
        yield from resources.resource_quantity(name, amount, where)


def _scopes(spec: ResourceQuotaSpec) -> Errors:
    path = "spec.scopes"
    for scope in spec.scopes:
        if scope not in _SCOPES:
            yield FieldError.invalid(path, spec.scopes, "unsupported scope")
        yield from _applicable(scope, spec.hard, path, spec.scopes)
    yield from _conflicting(spec.scopes, path, spec.scopes)


def _scope_selector(spec: ResourceQuotaSpec) -> Errors:
    if spec.scope_selector is None:
        return
    path = "spec.scopeSelector.matchExpressions"
    expressions = spec.scope_selector.match_expressions
    for expression in expressions:
        if expression.scope_name not in _SCOPES:
            yield FieldError.invalid(f"{path}.scopeName", expression.scope_name, "unsupported scope")
        yield from _applicable(expression.scope_name, spec.hard, path, expressions)
        yield from _expression(expression, path)
    yield from _conflicting([each.scope_name for each in expressions], path, expressions)


def _expression(expression: ScopedResourceSelectorRequirement, path: str) -> Errors:
    operator, values = expression.operator, expression.values
    if expression.scope_name in _ONLY_EXISTS and operator != "Exists":
        yield FieldError.invalid(f"{path}.operator", operator, _MUST_EXIST)
    match operator:
        case "In" | "NotIn":
            detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield from required(values, f"{path}.values", detail)
        case "Exists" | "DoesNotExist":
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                yield FieldError.invalid(f"{path}.values", values, detail)
        case _:
            yield FieldError.invalid(f"{path}.operator", operator, "not a valid selector operator")


def _applicable(scope: str, hard: Mapping[str, str], path: str, shown: Any) -> Errors:
    """Each scope is a trait of pods or of claims: resources of other objects can have no part in it."""
    for name in sorted(hard):
        if resources.is_quota_resource(name) and not _fits(scope, name):
            yield FieldError.invalid(path, shown, "unsupported scope applied to resource")


def _fits(scope: str, name: str) -> bool:
    if scope == "BestEffort":
        return name == "pods"
    if scope == "VolumeAttributesClass":
        return name in _CLAIM_RESOURCES
    return scope not in _SCOPES or name in _POD_RESOURCES


def _conflicting(scopes: Iterable[str], path: str, shown: Any) -> Errors:
    named = set(scopes)
    for pair in _CONFLICTS:
        if pair <= named:
            yield FieldError.invalid(path, shown, "conflicting scopes")
