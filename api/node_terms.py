"""NodeSelectors: which nodes they choose. Pure (upstream: component-helpers nodeaffinity)."""

from __future__ import annotations

from collections.abc import Mapping

from api.types import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm


def selects(selector: NodeSelector, name: str, labels: Mapping[str, str]) -> bool:
    """Whether one of the terms chooses the node; a term without requirements chooses none."""
    return any(_matches_all(term, name, labels) for term in selector.node_selector_terms)


def _matches_all(term: NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": name}
    return all(_matches(each, labels) for each in term.match_expressions) and all(
        _matches(each, fields) for each in term.match_fields
    )


def _matches(requirement: NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    value = values.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return _compares(requirement, value)


def _compares(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    try:
        left, right = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return left > right if requirement.operator == "Gt" else left < right
