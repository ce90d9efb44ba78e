"""What steers a pod to a node: affinity, tolerations, taints, spreading, gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from api import names
from api.errors import FieldError
from api.types import (
    Affinity,
    LabelSelector,
    NodeAffinity,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSchedulingGate,
    Taint,
    Toleration,
    TopologySpreadConstraint,
)
from api.validation import selectors
from api.validation.checks import Errors, internal_form, known, well_formed

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_BOTH = "exists in both matchLabelKeys and labelSelector"


def affinity(affinity: Affinity | None, path: str) -> Errors:
    if affinity is None:
        return
    if affinity.node_affinity is not None:
        yield from _node_affinity(affinity.node_affinity, f"{path}.nodeAffinity")
    if affinity.pod_affinity is not None:
        yield from _pod_affinity(affinity.pod_affinity, f"{path}.podAffinity")
    if affinity.pod_anti_affinity is not None:
        yield from _pod_affinity(affinity.pod_anti_affinity, f"{path}.podAntiAffinity")


def _node_affinity(affinity: NodeAffinity, path: str) -> Errors:
    wanted = affinity.required_during_scheduling_ignored_during_execution
    if wanted is not None:
        yield from selectors.node_selector(wanted, f"{path}.{_REQUIRED}")
    for index, term in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        where = f"{path}.{_PREFERRED}[{index}]"
        yield from _weight(term.weight, f"{where}.weight")
        yield from selectors.node_selector_term(term.preference, f"{where}.preference", check_values=False)


def _pod_affinity(affinity: PodAffinity | PodAntiAffinity, path: str) -> Errors:
    for index, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
        yield from _pod_affinity_term(term, f"{path}.{_REQUIRED}[{index}]")
    for index, weighted in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        where = f"{path}.{_PREFERRED}[{index}]"
        yield from _weight(weighted.weight, f"{where}.weight")
        yield from _pod_affinity_term(weighted.pod_affinity_term, f"{where}.podAffinityTerm")


def _weight(weight: int, path: str) -> Errors:
    if not 1 <= weight <= 100:
        yield FieldError.invalid(path, weight, "must be in the range 1-100")


def _pod_affinity_term(term: PodAffinityTerm, path: str) -> Errors:
    yield from selectors.label_selector(term.label_selector, f"{path}.labelSelector")
    yield from selectors.label_selector(term.namespace_selector, f"{path}.namespaceSelector")
    for namespace in term.namespaces:
        yield from well_formed(namespace, f"{path}.namespace", names.dns1123_label)
    yield from _label_keys(term.match_label_keys, term.label_selector, f"{path}.matchLabelKeys")
    yield from _label_keys(term.mismatch_label_keys, term.label_selector, f"{path}.mismatchLabelKeys")
    for index, key in _selected_twice(term.match_label_keys, term.label_selector):
        yield FieldError.invalid(f"{path}[{index}]", key, _BOTH)
    for index, key in enumerate(term.match_label_keys):
        if key in term.mismatch_label_keys:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield FieldError.invalid(f"{path}.matchLabelKeys[{index}]", key, detail)
    if not term.topology_key:
        yield FieldError.required(f"{path}.topologyKey", "can not be empty")
    yield from well_formed(term.topology_key, f"{path}.topologyKey", names.qualified_name)


def _label_keys(keys: Sequence[str], selector: LabelSelector | None, path: str) -> Errors:
    if keys and selector is None:
        yield FieldError.forbidden(path, "must not be specified when labelSelector is not set")
        return
    for index, key in enumerate(keys):
        yield from well_formed(key, f"{path}[{index}]", names.qualified_name)


def tolerations(tolerations: Sequence[Toleration], path: str) -> Errors:
    for index, toleration in enumerate(tolerations):
        yield from _toleration(toleration, f"{path}[{index}]")


def _toleration(toleration: Toleration, path: str) -> Errors:
    if toleration.key:
        yield from well_formed(toleration.key, f"{path}.key", names.qualified_name)
    elif toleration.operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield FieldError.invalid(f"{path}.operator", toleration.operator, detail)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield FieldError.invalid(f"{path}.effect", toleration.effect, detail)
    match toleration.operator:
        case "Equal" | "":
            messages = names.label_value(toleration.value)
            if messages:
                yield FieldError.invalid(f"{path}.operator", toleration.value, ";".join(messages))
        case "Exists":
            if toleration.value:
                detail = "value must be empty when `operator` is 'Exists'"
                yield FieldError.invalid(f"{path}.operator", toleration.value, detail)
        case _:
            yield FieldError.not_supported(f"{path}.operator", toleration.operator, ("Equal", "Exists"))
    if toleration.effect:
        yield from known(toleration.effect, f"{path}.effect", _EFFECTS)


def taints(taints: Sequence[Taint], path: str) -> Errors:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        where = f"{path}[{index}]"
        yield from well_formed(taint.key, f"{where}.key", names.qualified_name)
        messages = names.label_value(taint.value)
        if messages:
            yield FieldError.invalid(f"{where}.value", taint.value, ";".join(messages))
        if not taint.effect:
            yield FieldError.required(f"{where}.effect")
        else:
            yield from known(taint.effect, f"{where}.effect", _EFFECTS)
        if (taint.key, taint.effect) in seen:
            detail = "taints must be unique by key and effect pair"
            yield FieldError("FieldValueDuplicate", where, internal_form(taint), detail)
        seen.add((taint.key, taint.effect))


def topology_spread(constraints: Sequence[TopologySpreadConstraint], path: str) -> Errors:
    left = Counter((constraint.topology_key, constraint.when_unsatisfiable) for constraint in constraints)
    for index, constraint in enumerate(constraints):
        where = f"{path}[{index}]"
        yield from _spread_constraint(constraint, where)
        pair = (constraint.topology_key, constraint.when_unsatisfiable)
        left[pair] -= 1
        if left[pair]:
            shown = f"{{{constraint.topology_key}, {constraint.when_unsatisfiable}}}"
            yield FieldError.duplicate(f"{where}.{{topologyKey, whenUnsatisfiable}}", shown)


def _spread_constraint(constraint: TopologySpreadConstraint, path: str) -> Errors:
    if constraint.max_skew <= 0:
        yield FieldError.invalid(f"{path}.maxSkew", constraint.max_skew, "must be greater than zero")
    if not constraint.topology_key:
        yield FieldError.required(f"{path}.topologyKey", "can not be empty")
    action = constraint.when_unsatisfiable
    yield from known(action, f"{path}.whenUnsatisfiable", ("DoNotSchedule", "ScheduleAnyway"))
    if constraint.min_domains is not None:
        if constraint.min_domains <= 0:
            yield FieldError.invalid(f"{path}.minDomains", constraint.min_domains, "must be greater than zero")
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            yield FieldError.invalid(f"{path}.minDomains", constraint.min_domains, detail)
    yield from known(constraint.node_affinity_policy, f"{path}.nodeAffinityPolicy", ("Honor", "Ignore"))
    yield from known(constraint.node_taints_policy, f"{path}.nodeTaintsPolicy", ("Honor", "Ignore"))
    yield from _spread_label_keys(constraint, f"{path}.matchLabelKeys")
    yield from selectors.label_selector(constraint.label_selector, f"{path}.labelSelector")


def _spread_label_keys(constraint: TopologySpreadConstraint, path: str) -> Errors:
    yield from _label_keys(constraint.match_label_keys, constraint.label_selector, path)
    for index, key in _selected_twice(constraint.match_label_keys, constraint.label_selector):
        yield FieldError.invalid(f"{path}[{index}]", key, _BOTH)


def _selected_twice(keys: Sequence[str], selector: LabelSelector | None) -> Iterable[tuple[int, str]]:
    """The keys the client's own selector speaks of as well: once they stand there for the pod's own value.

    That is so in pods alone, so a template's are found when its pods are made.
    """
    if selector is None or not keys:
        return
    found = Counter([*selector.match_labels, *(expression.key for expression in selector.match_expressions)])
    for index, key in enumerate(keys):
        if found[key] > 1:
            yield index, key


def gates(gates: Sequence[PodSchedulingGate], path: str) -> Errors:
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        yield from well_formed(gate.name, f"{path}[{index}]", names.qualified_name)
        if gate.name in seen:
            yield FieldError.duplicate(f"{path}[{index}]", gate.name)
        seen.add(gate.name)
