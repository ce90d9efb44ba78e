"""Quotas, limit ranges, disruption budgets and priority classes."""

from collections.abc import Iterable, Sequence

from api.tables.text import or_none, selector
from api.types import Event, LimitRange, PodDisruptionBudget, PriorityClass, ResourceQuota
from podling.describe.common import annotations, events, head, true_or_false
from podling.describe.page import Page

_SCOPES = {
    "Terminating": (
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being "
        "actively terminated by the system."
    ),
    "NotTerminating": (
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose "
        "container command is not expected to terminate."
    ),
    "BestEffort": (
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service."
    ),
    "NotBestEffort": (
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed "
        "quality of service."
    ),
}
_LIMITS = ("Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio")


Policy = ResourceQuota | LimitRange | PodDisruptionBudget | PriorityClass


def describe_policy(record: Policy, found: Iterable[Event], now: float) -> str:
    """An object of any of these kinds."""
    match record:
        case ResourceQuota():
            return describe_resource_quota(record)
        case LimitRange():
            return describe_limit_range(record)
        case PodDisruptionBudget():
            return describe_disruption_budget(record, found, now)
        case PriorityClass():
            return describe_priority_class(record, found, now)


def describe_resource_quota(quota: ResourceQuota) -> str:
    """A quota: what it is about, what is used of what may be."""
    page = Page()
    head(page, quota.metadata)
    _scopes(page, quota, "")
    page.line("Resource", "Used", "Hard")
    page.line("--------", "----", "----")
    _shares(page, quota, "")
    return page.show()


def describe_limit_range(limit_range: LimitRange) -> str:
    """A limit range: one line for each resource of each type."""
    page = Page()
    head(page, limit_range.metadata)
    page.line(*_LIMITS)
    page.line(*("-" * len(title) for title in _LIMITS))
    _limits(page, limit_range, "")
    return page.show()


def quotas_of(page: Page, quotas: Sequence[ResourceQuota]) -> None:
    """A namespace's quotas."""
    if not quotas:
        page.line("No resource quota.")
        return
    page.line("Resource Quotas")
    for quota in quotas:
        page.line("  Name:", quota.metadata.name)
        _scopes(page, quota, "  ")
        page.line("  Resource", "Used", "Hard")
        page.line("  --------", "---", "---")
        _shares(page, quota, "  ")


def limits_of(page: Page, limit_ranges: Sequence[LimitRange]) -> None:
    """A namespace's limit ranges."""
    if not limit_ranges:
        page.line("No LimitRange resource.")
        return
    page.line("Resource Limits")
    page.line(f" {_LIMITS[0]}", *_LIMITS[1:])
    page.line(" ----", *("-" * len(title) for title in _LIMITS[1:]))
    for limit_range in limit_ranges:
        _limits(page, limit_range, " ")


def describe_disruption_budget(budget: PodDisruptionBudget, found: Iterable[Event], now: float) -> str:
    """A budget, and how much of it is left."""
    page = Page()
    head(page, budget.metadata)
    if budget.spec.min_available is not None:
        page.field("Min available", budget.spec.min_available)
    elif budget.spec.max_unavailable is not None:
        page.field("Max unavailable", budget.spec.max_unavailable)
    unset = budget.spec.selector is None
    page.field("Selector", "<unset>" if unset else or_none(selector(budget.spec.selector)))
    page.line("Status:")
    status = budget.status
    page.field("Allowed disruptions", status.disruptions_allowed, level=2)
    page.field("Current", status.current_healthy, level=2)
    page.field("Desired", status.desired_healthy, level=2)
    page.field("Total", status.expected_pods, level=2)
    events(page, found, now)
    return page.show()


def describe_priority_class(priority_class: PriorityClass, found: Iterable[Event], now: float) -> str:
    """A priority class."""
    page = Page()
    page.field("Name", priority_class.metadata.name)
    page.field("Value", priority_class.value)
    page.field("GlobalDefault", true_or_false(priority_class.global_default).lower())
    page.field("PreemptionPolicy", priority_class.preemption_policy or "")
    page.field("Description", priority_class.description)
    annotations(page, priority_class.metadata.annotations)
    events(page, found, now)
    return page.show()


def _scopes(page: Page, quota: ResourceQuota, indent: str) -> None:
    if quota.spec.scopes:
        scopes = sorted(quota.spec.scopes)
        page.line(f"{indent}Scopes:", ", ".join(scopes))
        for scope in scopes:
            if scope in _SCOPES:
                page.line(f"{indent or ' '}* {_SCOPES[scope]}")


def _shares(page: Page, quota: ResourceQuota, indent: str) -> None:
    for name in sorted(quota.status.hard):
        page.line(f"{indent}{name}", quota.status.used.get(name, "0"), quota.status.hard[name])


def _limits(page: Page, limit_range: LimitRange, indent: str) -> None:
    for item in limit_range.spec.limits:
        columns = (item.min, item.max, item.default_request, item.default, item.max_limit_request_ratio)
        for name in sorted({name for column in columns for name in column}):
            page.line(f"{indent}{item.type}", name, *(column.get(name, "-") for column in columns))
