"""A Job's policies: which failures count for what, when it has succeeded, when pods are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api import index_sets, names
from api.errors import FieldError
from api.field_errors import OMITTED
from api.types import (
    JobSpec,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
    SuccessPolicyRule,
)
from api.validation.checks import Errors, known, non_negative, unique, well_formed

_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS: Final = ("In", "NotIn")
_STATUSES: Final = ("False", "True", "Unknown")
_REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")
_MAX_RULES: Final = 20
_MAX_PATTERNS: Final = 20
_MAX_EXIT_CODES: Final = 255
_MAX_INDEXES_TEXT: Final = 64 * 1024


def check(spec: JobSpec, path: str) -> Errors:
    if spec.pod_failure_policy is not None:
        yield from _failure_rules(spec, spec.pod_failure_policy.rules, f"{path}.podFailurePolicy.rules")
    if spec.success_policy is not None:
        if spec.completion_mode != "Indexed":
            where = f"{path}.successPolicy"
            yield FieldError.invalid(where, spec.success_policy, "requires indexed completion mode")
        else:
            yield from _success_rules(spec, spec.success_policy.rules, f"{path}.successPolicy.rules")
    supported = _REPLACEMENTS if spec.pod_failure_policy is None else ("Failed",)
    yield from known(spec.pod_replacement_policy, f"{path}.podReplacementPolicy", supported)


def _failure_rules(spec: JobSpec, rules: Sequence[PodFailurePolicyRule], path: str) -> Errors:
    if len(rules) > _MAX_RULES:
        yield FieldError.too_many(path, len(rules), _MAX_RULES)
    template = spec.template.spec
    containers = {container.name for container in (*template.containers, *template.init_containers)}
    for index, rule in enumerate(rules):
        yield from _failure_rule(spec, rule, containers, f"{path}[{index}]")


def _failure_rule(spec: JobSpec, rule: PodFailurePolicyRule, containers: set[str], path: str) -> Errors:
    if not rule.action:
        yield FieldError.required(f"{path}.action", _valid(_ACTIONS))
    elif rule.action == "FailIndex":
        if spec.backoff_limit_per_index is None:
            yield FieldError.invalid(f"{path}.action", rule.action, "requires the backoffLimitPerIndex to be set")
    else:
        yield from known(rule.action, f"{path}.action", _ACTIONS)
    if rule.on_exit_codes is not None:
        yield from _exit_codes(rule.on_exit_codes, containers, f"{path}.onExitCodes")
    if rule.on_pod_conditions:
        yield from _conditions(rule.on_pod_conditions, f"{path}.onPodConditions")
    if rule.on_exit_codes is not None and rule.on_pod_conditions:
        detail = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield FieldError.invalid(path, OMITTED, detail)
    if rule.on_exit_codes is None and not rule.on_pod_conditions:
        detail = "specifying one of OnExitCodes and OnPodConditions is required"
        yield FieldError.invalid(path, OMITTED, detail)


def _exit_codes(requirement: PodFailurePolicyOnExitCodesRequirement, containers: set[str], path: str) -> Errors:
    if not requirement.operator:
        yield FieldError.required(f"{path}.operator", _valid(_OPERATORS))
    else:
        yield from known(requirement.operator, f"{path}.operator", _OPERATORS)
    name = requirement.container_name
    if name is not None and name not in containers:
        detail = "must be one of the container or initContainer names in the pod template"
        yield FieldError.invalid(f"{path}.containerName", name, detail)
    values = requirement.values
    if not values:
        yield FieldError.invalid(f"{path}.values", values, "at least one value is required")
    elif len(values) > _MAX_EXIT_CODES:
        yield FieldError.too_many(f"{path}.values", len(values), _MAX_EXIT_CODES)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if requirement.operator == "In" and value == 0:
            yield FieldError.invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator")
        yield from unique(value, seen, f"{path}.values[{index}]")
    if values != sorted(values):
        yield FieldError.invalid(f"{path}.values", values, "must be ordered")


def _conditions(patterns: Sequence[PodFailurePolicyOnPodConditionsPattern], path: str) -> Errors:
    if len(patterns) > _MAX_PATTERNS:
        yield FieldError.too_many(path, len(patterns), _MAX_PATTERNS)
    for index, pattern in enumerate(patterns):
        yield from well_formed(pattern.type, f"{path}[{index}].type", names.qualified_name)
        if not pattern.status:
            yield FieldError.required(f"{path}[{index}].status", _valid(_STATUSES))
        else:
            yield from known(pattern.status, f"{path}[{index}].status", _STATUSES)


def _success_rules(spec: JobSpec, rules: Sequence[SuccessPolicyRule], path: str) -> Errors:
    if not rules:
        yield FieldError.required(path, "at least one rules must be specified when the successPolicy is specified")
    if len(rules) > _MAX_RULES:
        yield FieldError.too_many(path, len(rules), _MAX_RULES)
    for index, rule in enumerate(rules):
        if spec.completions is not None:
            yield from _success_rule(rule, spec.completions, f"{path}[{index}]")


def _success_rule(rule: SuccessPolicyRule, completions: int, path: str) -> Errors:
    indexes, count = rule.succeeded_indexes, rule.succeeded_count
    if indexes is None and count is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        yield FieldError.required(path, detail)
    total = 0
    if indexes is not None:
        if len(indexes) > _MAX_INDEXES_TEXT:
            yield FieldError.too_long(f"{path}.succeededIndexes", _MAX_INDEXES_TEXT)
        try:
            total = index_sets.check(indexes, completions)
        except ValueError as error:
            detail = f"error parsing succeededIndexes: {error}"
            yield FieldError.invalid(f"{path}.succeededIndexes", indexes, detail)
    if count is None:
        return
    where = f"{path}.succeededCount"
    yield from non_negative(count, where)
    if count > completions:
        detail = f"must be less than or equal to {completions} (the number of specified completions)"
        yield FieldError.invalid(where, count, detail)
    if indexes is not None and count > total:
        detail = (
            f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        )
        yield FieldError.invalid(where, count, detail)


def _valid(words: Sequence[str]) -> str:
    quoted = " ".join(f'"{word}"' for word in words)
    return f"valid values: [{quoted}]"
