"""Nobody grants by RBAC what they may not do themselves (upstream documentation "Privilege escalation prevention").

Whoever holds the verb `escalate` on roles, or `bind` on the role bound, is let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from api import errors, rbac
from api.scheme import Resource
from api.types import PolicyRule, RoleRef
from apiserver.admission.chain import CREATE, UPDATE, Plugin, Request
from apiserver.auth.user import MASTERS
from apiserver.registry.reviews import RulesAuthorizer
from apiserver.requests import Attributes

GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = frozenset({"roles", "clusterroles"})
_BINDINGS: Final = frozenset({"rolebindings", "clusterrolebindings"})
_EVERYTHING: Final = (
    PolicyRule(api_groups=["*"], resources=["*"], verbs=["*"]),
    PolicyRule(non_resource_urls=["*"], verbs=["*"]),
)


class EscalationCheck(Plugin):
    """`role(plural, namespace, name)` gives a Role or ClusterRole record, or None."""

    def __init__(self, authorizer: RulesAuthorizer, role: Callable[[str, str, str], Any]) -> None:
        self._authorizer = authorizer
        self._role = role

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation in (CREATE, UPDATE) and resource.group == GROUP and resource.plural in _ROLES | _BINDINGS

    async def create(self, request: Request) -> Any:
        return self.update(request)

    def update(self, request: Request) -> Any:
        if MASTERS not in request.user.groups:
            if request.resource.plural in _ROLES:
                self._check_role(request)
            else:
                self._check_binding(request)
        return request.new

    def _check_role(self, request: Request) -> None:
        new, old = request.new, request.old
        aggregation = getattr(new, "aggregation_rule", None)
        unchanged = old is not None and new.rules == old.rules
        if unchanged and aggregation == getattr(old, "aggregation_rule", None):
            return
        if self._may(request, "escalate", request.resource.plural, request.name):
            return
        # An aggregated role takes in whatever others add to it later.
        wanted = _EVERYTHING if aggregation is not None else new.rules
        self._check_covered(request, wanted)

    def _check_binding(self, request: Request) -> None:
        new, old = request.new, request.old
        if old is not None and (new.role_ref, new.subjects) == (old.role_ref, old.subjects):
            return
        reference: RoleRef = new.role_ref
        plural = "clusterroles" if reference.kind == "ClusterRole" else "roles"
        if self._may(request, "bind", plural, reference.name):
            return
        role = self._role(plural, request.namespace if plural == "roles" else "", reference.name)
        if role is None:
            raise errors.NotFound(f"{plural}.{GROUP}", reference.name)
        self._check_covered(request, role.rules)

    def _may(self, request: Request, verb: str, plural: str, name: str) -> bool:
        attributes = Attributes(request.user, verb, GROUP, "v1", plural, "", request.namespace, name)
        return self._authorizer.authorize(attributes).allowed

    def _check_covered(self, request: Request, wanted: Sequence[PolicyRule]) -> None:
        user = request.user
        owned, _ = self._authorizer.rules_for(user, request.namespace)
        missing = rbac.uncovered(owned, wanted)
        if not missing:
            return
        groups = " ".join(f'"{group}"' for group in user.groups)
        listed = "\n".join(rbac.describe(rule) for rule in missing)
        cause = (
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions '
            f"not currently held:\n{listed}"
        )
        raise errors.Forbidden(request.resource.group_resource, request.name, cause)
