"""Computes the rules of ClusterRoles that are made of other ClusterRoles (`aggregationRule`)."""

from collections.abc import Iterable

from api import selectors
from api.types import ClusterRole, PolicyRule


def aggregate(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[PolicyRule]:
    """The rules `role` should have: those of every other role one of its selectors picks.

    Roles are taken selector by selector and by name, each rule once, as upstream's clusterrole-aggregation
    controller does. A role without an aggregationRule keeps its own rules.
    """
    if role.aggregation_rule is None:
        return list(role.rules or [])
    others = sorted((other for other in roles if other.metadata.name != role.metadata.name), key=_name)
    rules: list[PolicyRule] = []
    for selector in role.aggregation_rule.cluster_role_selectors:
        matcher = selectors.from_record(selector)
        for other in others:
            if matcher.matches(other.metadata.labels or {}):
                rules.extend(rule for rule in other.rules or [] if rule not in rules)
    return rules


def _name(role: ClusterRole) -> str:
    return role.metadata.name
