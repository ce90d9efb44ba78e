"""What roles and bindings allow, and how a refusal is explained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from api import codec
from api.types import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from apiserver.auth.rbac import RbacAuthorizer
from apiserver.auth.user import ALL_AUTHENTICATED, MASTERS, User
from apiserver.requests import Attributes

READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
JANE = User("jane", groups=("devs", ALL_AUTHENTICATED))


class Objects:
    """RBAC objects given as trees; `change` counts as an edit."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.objects = objects
        self.generation = 0
        self.reads = 0

    def rbac_generation(self) -> object:
        return self.generation

    def change(self, **objects: list[dict[str, Any]]) -> None:
        self.objects.update(objects)
        self.generation += 1

    def roles(self) -> Iterable[Role]:
        self.reads += 1
        return self._records(Role, "roles")

    def cluster_roles(self) -> Iterable[ClusterRole]:
        return self._records(ClusterRole, "cluster_roles")

    def role_bindings(self) -> Iterable[RoleBinding]:
        return self._records(RoleBinding, "role_bindings")

    def cluster_role_bindings(self) -> Iterable[ClusterRoleBinding]:
        return self._records(ClusterRoleBinding, "cluster_role_bindings")

    def _records(self, kind: Any, name: str) -> list[Any]:
        return [codec.from_tree(kind, tree) for tree in self.objects.get(name, [])]


def role(name: str, *rules: dict[str, Any], namespace: str = "", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, **more.pop("metadata", {})},
        "rules": list(rules),
        **more,
    }


def binding(kind: str, role_name: str, *subjects: tuple[str, str], namespace: str = "") -> dict[str, Any]:
    return {
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
        "subjects": [
            {"kind": subject, "name": name.rpartition("/")[2], "namespace": name.rpartition("/")[0]}
            for subject, name in subjects
        ],
    }


def ask(user: User, verb: str, resource: str, namespace: str = "", **more: str) -> Attributes:
    return Attributes(user, verb, resource=resource, namespace=namespace, **more)


def test_role_binding_grants_within_its_namespace_only() -> None:
    objects = Objects(
        roles=[role("reader", READ_PODS, namespace="a")],
        role_bindings=[binding("Role", "reader", ("User", "jane"), namespace="a")],
    )
    authorizer = RbacAuthorizer(objects)
    assert authorizer.authorize(ask(JANE, "list", "pods", "a")).allowed
    assert not authorizer.authorize(ask(JANE, "list", "pods", "b")).allowed
    assert not authorizer.authorize(ask(JANE, "list", "pods")).allowed
    assert not authorizer.authorize(ask(JANE, "delete", "pods", "a")).allowed
    assert not authorizer.authorize(ask(JANE, "get", "pods", "a", subresource="log")).allowed


@pytest.mark.parametrize(
    "subject",
    [("User", "jane"), ("Group", "devs"), ("Group", ALL_AUTHENTICATED)],
)
def test_cluster_role_binding_grants_everywhere(subject: tuple[str, str]) -> None:
    objects = Objects(
        cluster_roles=[role("reader", READ_PODS)],
        cluster_role_bindings=[binding("ClusterRole", "reader", subject)],
    )
    authorizer = RbacAuthorizer(objects)
    assert authorizer.authorize(ask(JANE, "watch", "pods", "any")).allowed
    assert authorizer.authorize(ask(JANE, "list", "pods")).allowed
    assert not authorizer.authorize(ask(User("joe"), "list", "pods")).allowed


def test_service_account_subject_defaults_to_the_bindings_namespace() -> None:
    account = User("system:serviceaccount:a:robot")
    objects = Objects(
        cluster_roles=[role("reader", READ_PODS)],
        role_bindings=[
            binding("ClusterRole", "reader", ("ServiceAccount", "robot"), namespace="a"),
            binding("ClusterRole", "reader", ("ServiceAccount", "a/robot"), namespace="b"),
        ],
    )
    authorizer = RbacAuthorizer(objects)
    assert authorizer.authorize(ask(account, "get", "pods", "a")).allowed
    assert authorizer.authorize(ask(account, "get", "pods", "b")).allowed
    assert not authorizer.authorize(ask(account, "get", "pods", "c")).allowed


def test_resource_names_limit_and_never_match_nameless_requests() -> None:
    rule = READ_PODS | {"resourceNames": ["one"]}
    objects = Objects(
        cluster_roles=[role("reader", rule)],
        cluster_role_bindings=[binding("ClusterRole", "reader", ("User", "jane"))],
    )
    authorizer = RbacAuthorizer(objects)
    assert authorizer.authorize(ask(JANE, "get", "pods", "a", name="one")).allowed
    assert not authorizer.authorize(ask(JANE, "get", "pods", "a", name="two")).allowed
    assert not authorizer.authorize(ask(JANE, "list", "pods", "a")).allowed


def test_a_change_of_any_rbac_object_takes_effect_at_once() -> None:
    objects = Objects(cluster_role_bindings=[binding("ClusterRole", "reader", ("User", "jane"))])
    authorizer = RbacAuthorizer(objects)
    refused = authorizer.authorize(ask(JANE, "get", "pods", "a"))
    assert refused.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found'
    objects.change(cluster_roles=[role("reader", READ_PODS)])
    assert authorizer.authorize(ask(JANE, "get", "pods", "a")).allowed
    objects.change(cluster_role_bindings=[])
    assert not authorizer.authorize(ask(JANE, "get", "pods", "a")).allowed


def test_unchanged_policy_is_indexed_once() -> None:
    objects = Objects(
        cluster_roles=[role("reader", READ_PODS)],
        cluster_role_bindings=[binding("ClusterRole", "reader", ("User", "jane"))],
    )
    authorizer = RbacAuthorizer(objects)
    for _ in range(3):
        authorizer.authorize(ask(JANE, "get", "pods", "a"))
    assert objects.reads == 1


def test_aggregation_reaches_through_several_levels() -> None:
    def aggregating(name: str, label: str, **labels: str) -> dict[str, Any]:
        selector = {"matchLabels": {label: "true"}}
        return role(name, metadata={"labels": labels}, aggregationRule={"clusterRoleSelectors": [selector]})

    objects = Objects(
        cluster_roles=[
            aggregating("admin", "to-admin"),
            aggregating("edit", "to-edit", **{"to-admin": "true"}),
            role("things", READ_PODS, metadata={"labels": {"to-edit": "true"}}),
        ],
        cluster_role_bindings=[binding("ClusterRole", "admin", ("User", "jane"))],
    )
    assert RbacAuthorizer(objects).authorize(ask(JANE, "list", "pods")).allowed


def test_paths_match_exactly_or_by_trailing_star() -> None:
    rule = {"nonResourceURLs": ["/version", "/apis/*"], "verbs": ["get"]}
    objects = Objects(
        cluster_roles=[role("urls", rule)],
        cluster_role_bindings=[binding("ClusterRole", "urls", ("User", "jane"))],
    )
    authorizer = RbacAuthorizer(objects)
    assert authorizer.authorize(Attributes(JANE, "get", path="/version")).allowed
    assert authorizer.authorize(Attributes(JANE, "get", path="/apis/apps")).allowed
    assert not authorizer.authorize(Attributes(JANE, "get", path="/versions")).allowed
    assert not authorizer.authorize(Attributes(JANE, "post", path="/version")).allowed


def test_masters_are_never_refused() -> None:
    root = User("root", groups=(MASTERS,))
    authorizer = RbacAuthorizer(Objects())
    assert authorizer.authorize(ask(root, "delete", "nodes")).allowed
    rules, problems = authorizer.rules_for(root, "a")
    assert PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"]) in rules
    assert not problems


def test_rules_for_lists_each_rule_once_and_names_missing_roles() -> None:
    objects = Objects(
        cluster_roles=[role("reader", READ_PODS)],
        cluster_role_bindings=[
            binding("ClusterRole", "reader", ("User", "jane"), ("Group", "devs")),
            binding("ClusterRole", "gone", ("User", "jane")),
        ],
    )
    rules, problems = RbacAuthorizer(objects).rules_for(JANE, "a")
    assert rules == [codec.from_tree(PolicyRule, READ_PODS)]
    assert problems == ['clusterrole.rbac.authorization.k8s.io "gone" not found']
