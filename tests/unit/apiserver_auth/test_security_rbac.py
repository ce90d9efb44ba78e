"""Decisions are remembered, but not at any price: callers choose what is asked about."""

from __future__ import annotations

import pytest

from api.types import ObjectMeta, PolicyRule, Role, RoleBinding, RoleRef, Subject
from apiserver.auth.rbac import RbacAuthorizer
from apiserver.auth.user import User
from apiserver.requests import Attributes

JANE = User("jane")


class Objects:
    def __init__(self, rules: list[PolicyRule]) -> None:
        self._role = Role(metadata=ObjectMeta(name="r", namespace="n"), rules=rules)

    def rbac_generation(self) -> object:
        return 1

    def roles(self) -> list[Role]:
        return [self._role]

    def cluster_roles(self) -> list[object]:
        return []

    def role_bindings(self) -> list[RoleBinding]:
        metadata = ObjectMeta(name="b", namespace="n")
        subject = Subject(kind="User", name="jane")
        return [RoleBinding(metadata=metadata, role_ref=RoleRef(kind="Role", name="r"), subjects=[subject])]

    def cluster_role_bindings(self) -> list[object]:
        return []


@pytest.mark.parametrize("field", ["verb", "group", "resource", "subresource", "namespace"])
def test_a_question_of_any_length_is_not_kept(field: str) -> None:
    authorizer = RbacAuthorizer(Objects([]))  # type: ignore[arg-type]
    asked = {"verb": "get", "group": "", "resource": "pods", "subresource": "", "namespace": "n"}
    assert not authorizer.authorize(Attributes(JANE, **asked)).allowed
    assert len(authorizer._outcomes) == 1
    assert not authorizer.authorize(Attributes(JANE, **{**asked, field: "x" * 100_000})).allowed
    assert len(authorizer._outcomes) == 1


@pytest.mark.timeout(20)
def test_very_many_rules_are_listed_once_each() -> None:
    rules = [PolicyRule(verbs=["get"], api_groups=[""], resources=[f"r{number}"]) for number in range(20_000)]
    found, _ = RbacAuthorizer(Objects([*rules, *rules])).rules_for(JANE, "n")  # type: ignore[arg-type]
    assert found == rules
