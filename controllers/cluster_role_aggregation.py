"""ClusterRoles that are the sum of others: `aggregationRule` selects them by label.

Source: Kubernetes' documentation, Aggregated ClusterRoles; upstream's clusterrole-aggregation controller.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from api import selectors
from api.types import ClusterRole, PolicyRule
from controllers.context import Context

NAME = "cluster_role_aggregator"


def aggregated(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[PolicyRule]:
    """The rules of all roles that `role`'s aggregation rule selects, each once, in the order of the roles' names."""
    rule = role.aggregation_rule
    if rule is None:
        return role.rules
    matchers = [selectors.from_record(selector).matches for selector in rule.cluster_role_selectors]
    rules: list[PolicyRule] = []
    for other in sorted(roles, key=lambda each: each.metadata.name):
        if other.metadata.name != role.metadata.name and any(match(other.metadata.labels) for match in matchers):
            rules.extend(each for each in other.rules if each not in rules)
    return rules


class ClusterRoleAggregator:
    """reconcile(role name): write an aggregated role's rules."""

    def __init__(self, context: Context) -> None:
        self._roles = context.mirror(ClusterRole)
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._roles.add_handler(self._role_changed)

    async def reconcile(self, name: str) -> None:
        role = self._roles.get("", name)
        if role is None or role.aggregation_rule is None:
            return
        rules = aggregated(role, self._roles.items())
        if rules != role.rules:
            await self._roles.update(replace(role, rules=rules))

    def _role_changed(self, _old: ClusterRole | None, _new: ClusterRole | None) -> None:
        """Any role may be part of any aggregated one."""
        for role in self._roles.items():
            if role.aggregation_rule is not None:
                self._queue.add(role.metadata.name)
