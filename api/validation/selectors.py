"""Label selectors and node selectors as fields of objects."""

from __future__ import annotations

from api import names
from api.errors import FieldError
from api.types import LabelSelector, LabelSelectorRequirement, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from api.validation.checks import Errors, well_formed
from api.validation.metadata import labels

_NOT_AN_OPERATOR = "not a valid selector operator"


def label_selector(selector: LabelSelector | None, path: str) -> Errors:
    if selector is None:
        return
    yield from labels(selector.match_labels, f"{path}.matchLabels")
    for index, requirement in enumerate(selector.match_expressions):
        yield from _label_requirement(requirement, f"{path}.matchExpressions[{index}]")


def _label_requirement(requirement: LabelSelectorRequirement, path: str) -> Errors:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                yield FieldError.required(f"{path}.values", detail)
        case "Exists" | "DoesNotExist":
            if requirement.values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield FieldError.forbidden(f"{path}.values", detail)
        case _:
            yield FieldError.invalid(f"{path}.operator", requirement.operator, _NOT_AN_OPERATOR)
    yield from well_formed(requirement.key, f"{path}.key", names.qualified_name)
    for index, value in enumerate(requirement.values):
        yield from well_formed(value, f"{path}.values[{index}]", names.label_value)


def node_selector(selector: NodeSelector, path: str) -> Errors:
    if not selector.node_selector_terms:
        yield FieldError.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(selector.node_selector_terms):
        yield from node_selector_term(term, f"{path}.nodeSelectorTerms[{index}]")


def node_selector_term(term: NodeSelectorTerm, path: str, *, check_values: bool = True) -> Errors:
    """`check_values` is off for preferences, whose values upstream never checked."""
    for index, requirement in enumerate(term.match_expressions):
        yield from _node_requirement(requirement, f"{path}.matchExpressions[{index}]", check_values)
    for index, requirement in enumerate(term.match_fields):
        yield from _node_field_requirement(requirement, f"{path}.matchFields[{index}]")


def _node_requirement(requirement: NodeSelectorRequirement, path: str, check_values: bool) -> Errors:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                yield FieldError.required(f"{path}.values", detail)
        case "Exists" | "DoesNotExist":
            if requirement.values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield FieldError.forbidden(f"{path}.values", detail)
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                yield FieldError.required(f"{path}.values", detail)
        case _:
            yield FieldError.invalid(f"{path}.operator", requirement.operator, _NOT_AN_OPERATOR)
    yield from well_formed(requirement.key, f"{path}.key", names.qualified_name)
    for index, value in enumerate(requirement.values if check_values else ()):
        yield from well_formed(value, f"{path}.values[{index}]", names.label_value)


def _node_field_requirement(requirement: NodeSelectorRequirement, path: str) -> Errors:
    if requirement.operator not in ("In", "NotIn"):
        yield FieldError.invalid(f"{path}.operator", requirement.operator, _NOT_AN_OPERATOR)
    elif len(requirement.values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield FieldError.required(f"{path}.values", detail)
    if requirement.key != "metadata.name":
        yield FieldError.invalid(f"{path}.key", requirement.key, "not a valid field selector key")
        return
    for index, value in enumerate(requirement.values):
        yield from well_formed(value, f"{path}.values[{index}]", names.dns1123_subdomain)
