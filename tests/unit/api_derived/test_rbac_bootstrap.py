"""The default policy: who may do what on a new cluster."""

import pytest

from api import rbac
from api.rbac import Attributes, aggregate, allows
from api.types import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    LabelSelector,
    ObjectMeta,
    PolicyRule,
    Role,
    RoleBinding,
)

DEFAULTS = rbac.bootstrap()


def named(record_type):
    return {(item.metadata.namespace, item.metadata.name): item for item in DEFAULTS if isinstance(item, record_type)}


CLUSTER_ROLES = {name: role for (_, name), role in named(ClusterRole).items()}


def held_by(kind, name):
    """All rules bound to a subject in the whole cluster."""
    rules = []
    for binding in named(ClusterRoleBinding).values():
        if any(subject.kind == kind and subject.name == name for subject in binding.subjects):
            rules += CLUSTER_ROLES[binding.role_ref.name].rules
    return rules


def test_every_binding_refers_to_a_default_role():
    for binding in named(ClusterRoleBinding).values():
        assert binding.role_ref.kind == "ClusterRole"
        assert binding.role_ref.name in CLUSTER_ROLES
    for (namespace, _), binding in named(RoleBinding).items():
        assert (namespace, binding.role_ref.name) in named(Role)


def test_all_carry_the_marks_that_let_the_server_restore_them():
    for item in DEFAULTS:
        assert item.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
        assert item.metadata.annotations["rbac.authorization.kubernetes.io/autoupdate"] == "true"


def test_has_upstreams_roles():
    assert {"cluster-admin", "admin", "edit", "view", "system:node", "system:node-proxier", "system:discovery",
            "system:basic-user", "system:public-info-viewer", "system:monitoring", "system:kube-scheduler",
            "system:kube-controller-manager", "system:auth-delegator", "system:kubelet-api-admin",
            "system:controller:deployment-controller", "system:controller:generic-garbage-collector"} <= set(
        CLUSTER_ROLES
    )  # fmt: skip
    assert set(named(Role)) == {
        ("kube-public", "system:controller:bootstrap-signer"),
        ("kube-system", "extension-apiserver-authentication-reader"),
        ("kube-system", "system::leader-locking-kube-controller-manager"),
        ("kube-system", "system::leader-locking-kube-scheduler"),
        ("kube-system", "system:controller:bootstrap-signer"),
        ("kube-system", "system:controller:cloud-provider"),
        ("kube-system", "system:controller:token-cleaner"),
    }


def test_system_node_is_bound_to_nobody():
    assert named(ClusterRoleBinding)["", "system:node"].subjects == []


def pods(verb, subresource=""):
    return Attributes(verb, resource="pods", subresource=subresource, namespace="default")


MAY = [
    ("Group", "system:masters", Attributes("*", group="anything", resource="whatever")),
    ("Group", "system:masters", Attributes("delete", path="/metrics")),
    ("User", "system:kube-scheduler", pods("create", "binding")),
    ("User", "system:kube-scheduler", pods("patch", "status")),
    ("User", "system:kube-scheduler", Attributes("watch", resource="nodes")),
    ("User", "system:kube-scheduler", Attributes("create", group="events.k8s.io", resource="events")),
    ("User", "system:kube-proxy", Attributes("watch", group="discovery.k8s.io", resource="endpointslices")),
    ("User", "system:kube-proxy", Attributes("list", resource="services")),
    ("User", "system:kube-proxy", pods("watch")),
    ("User", "system:kube-controller-manager", pods("create")),
    ("User", "system:kube-controller-manager", Attributes("update", group="apps", resource="deployments",
                                                          subresource="status")),
    ("User", "system:kube-controller-manager", Attributes("update", resource="namespaces", subresource="finalize")),
    ("User", "system:kube-controller-manager", Attributes("create", resource="serviceaccounts")),
    ("User", "system:kube-controller-manager", Attributes("create", group="discovery.k8s.io",
                                                          resource="endpointslices")),
    ("User", "system:kube-controller-manager", Attributes("patch", resource="nodes")),
    ("User", "system:kube-controller-manager", Attributes("watch", group="coordination.k8s.io", resource="leases")),
    ("ServiceAccount", "deployment-controller", Attributes("create", group="apps", resource="replicasets")),
    ("Group", "system:authenticated", Attributes("get", path="/openapi/v3/apis/apps/v1")),
    ("Group", "system:authenticated", Attributes("create", group="authorization.k8s.io",
                                                 resource="selfsubjectaccessreviews")),
    ("Group", "system:unauthenticated", Attributes("get", path="/healthz")),
    ("Group", "system:monitoring", Attributes("get", path="/metrics")),
]  # fmt: skip

MAY_NOT = [
    ("User", "system:kube-scheduler", pods("create")),
    ("User", "system:kube-scheduler", Attributes("get", resource="secrets")),
    ("User", "system:kube-proxy", Attributes("get", resource="secrets")),
    ("User", "system:kube-proxy", pods("update")),
    ("User", "system:kube-controller-manager", pods("create", "exec")),
    ("Group", "system:nodes", pods("get")),
    ("Group", "system:authenticated", pods("list")),
    ("Group", "system:authenticated", Attributes("get", path="/metrics")),
    ("Group", "system:unauthenticated", Attributes("get", path="/api")),
    ("ServiceAccount", "deployment-controller", pods("create")),
]


@pytest.mark.parametrize(("kind", "name", "attributes"), MAY)
def test_may(kind, name, attributes):
    assert allows(held_by(kind, name), attributes)


@pytest.mark.parametrize(("kind", "name", "attributes"), MAY_NOT)
def test_may_not(kind, name, attributes):
    assert not allows(held_by(kind, name), attributes)


USER_ROLES = [
    ("view", pods("list"), True),
    ("view", pods("get", "log"), True),
    ("view", pods("delete"), False),
    ("view", Attributes("get", resource="secrets"), False),
    ("view", Attributes("get", group="rbac.authorization.k8s.io", resource="roles"), False),
    ("edit", pods("delete"), True),
    ("edit", pods("create", "exec"), True),
    ("edit", pods("create", "eviction"), True),
    ("edit", Attributes("update", group="apps", resource="deployments", subresource="scale"), True),
    ("edit", Attributes("create", group="rbac.authorization.k8s.io", resource="roles"), False),
    ("edit", Attributes("update", resource="endpoints"), False),
    ("admin", Attributes("create", group="rbac.authorization.k8s.io", resource="roles"), True),
    ("admin", pods("list"), True),
    ("admin", Attributes("update", resource="namespaces"), False),
]


@pytest.mark.parametrize(("role", "attributes", "expected"), USER_ROLES)
def test_aggregated_roles_hold_from_the_start(role, attributes, expected):
    assert allows(CLUSTER_ROLES[role].rules, attributes) is expected


def test_aggregating_again_changes_nothing():
    for name in ("admin", "edit", "view"):
        assert aggregate(CLUSTER_ROLES[name], CLUSTER_ROLES.values()) == CLUSTER_ROLES[name].rules


def cluster_role(name, verb, **labels):
    rule = PolicyRule(api_groups=[""], resources=["pods"], verbs=[verb])
    return ClusterRole(metadata=ObjectMeta(name=name, labels=labels), rules=[rule])


def test_aggregate_takes_each_rule_once_in_order_of_names():
    selectors = [LabelSelector(match_labels={"a": "1"}), LabelSelector(match_labels={"b": "1"})]
    role = ClusterRole(
        metadata=ObjectMeta(name="sum", labels={"a": "1"}),
        aggregation_rule=AggregationRule(cluster_role_selectors=selectors),
        rules=[PolicyRule(verbs=["stale"])],
    )
    parts = [
        cluster_role("z", "list", a="1"),
        cluster_role("m", "get", a="1", b="1"),
        cluster_role("k", "watch", b="1"),
        cluster_role("l", "list", b="1"),
        cluster_role("other", "delete"),
    ]
    assert [rule.verbs for rule in aggregate(role, [role, *parts])] == [["get"], ["list"], ["watch"]]


def test_a_role_without_aggregation_keeps_its_rules():
    role = cluster_role("plain", "get")
    assert aggregate(role, [cluster_role("x", "list")]) == role.rules
