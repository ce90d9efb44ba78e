"""The API server's authorizer: the node authorizer, then RBAC. The first to allow decides."""

from __future__ import annotations

from collections.abc import Iterable

from api.types import PolicyRule
from apiserver.auth.node import NodeAuthorizer
from apiserver.auth.objects import LiveObjects
from apiserver.auth.rbac import RbacAuthorizer
from apiserver.auth.user import MASTERS, NODES, User
from apiserver.requests import Attributes, Decision

_MASTERS_ALLOWED = Decision(True)


class ClusterAuthorizer:
    """`node_rules` are those of the bootstrap ClusterRole system:node."""

    def __init__(self, objects: LiveObjects, node_rules: Iterable[PolicyRule]) -> None:
        self._node = NodeAuthorizer(objects, node_rules)
        self._rbac = RbacAuthorizer(objects)

    def authorize(self, attributes: Attributes) -> Decision:
        """Decide from memory; a refusal carries the reasons of both, as upstream's union does."""
        groups = attributes.user.groups
        if MASTERS in groups:
            return _MASTERS_ALLOWED
        if NODES not in groups:
            return self._rbac.authorize(attributes)
        by_node = self._node.authorize(attributes)
        if by_node.allowed:
            return by_node
        by_role = self._rbac.authorize(attributes)
        if by_role.allowed:
            return by_role
        reasons = [decision.reason for decision in (by_node, by_role) if decision.reason]
        return Decision(False, "\n".join(reasons))

    def rules_for(self, user: User, namespace: str) -> tuple[list[PolicyRule], list[str]]:
        """What SelfSubjectRulesReview lists: the rules that count for `user`, and what could not be resolved."""
        return self._rbac.rules_for(user, namespace)
