"""RBAC: what rules allow, and what covers what."""

import pytest

from api.rbac import Attributes, allows, covers, describe, uncovered
from api.types import PolicyRule


def rule(groups, resources, verbs, names=""):
    return PolicyRule(
        api_groups=[] if groups is None else groups.split(",") if groups else [""],
        resources=resources.split(),
        verbs=verbs.split(),
        resource_names=names.split(),
    )


def urls(paths, verbs="get"):
    return PolicyRule(non_resource_urls=paths.split(), verbs=verbs.split())


READ_PODS = rule("", "pods pods/log", "get list")
DECISIONS = [
    (READ_PODS, Attributes("get", resource="pods"), True),
    (READ_PODS, Attributes("get", resource="pods", subresource="log"), True),
    (READ_PODS, Attributes("get", resource="pods", subresource="exec"), False),
    (READ_PODS, Attributes("delete", resource="pods"), False),
    (READ_PODS, Attributes("get", group="metrics.k8s.io", resource="pods"), False),
    (READ_PODS, Attributes("get", path="/pods"), False),
    (rule("*", "*", "*"), Attributes("escalate", group="x", resource="y", subresource="z"), True),
    (rule("*", "*", "*"), Attributes("get", path="/healthz"), False),
    (rule("", "pods", "get"), Attributes("get", resource="pods", subresource="status"), False),
    (rule("", "pods/*", "get"), Attributes("get", resource="pods", subresource="log"), False),
    (rule("*", "*/scale", "update"), Attributes("update", resource="services", subresource="scale"), True),
    (rule("*", "*/scale", "update"), Attributes("update", group="apps", resource="deployments"), False),
    (rule("apps,batch", "jobs", "get"), Attributes("get", group="batch", resource="jobs"), True),
    (rule("", "secrets", "get", "a b"), Attributes("get", resource="secrets", name="b"), True),
    (rule("", "secrets", "get", "a b"), Attributes("get", resource="secrets", name="c"), False),
    (rule("", "secrets", "list", "a"), Attributes("list", resource="secrets"), False),
    (urls("/healthz /livez/*"), Attributes("get", path="/healthz"), True),
    (urls("/healthz /livez/*"), Attributes("get", path="/livez/ping"), True),
    (urls("/healthz /livez/*"), Attributes("get", path="/livez"), False),
    (urls("/healthz /livez/*"), Attributes("post", path="/healthz"), False),
    (urls("*", "*"), Attributes("get", path="/anything/at/all"), True),
]  # fmt: skip


@pytest.mark.parametrize(("granted", "attributes", "expected"), DECISIONS)
def test_allows(granted, attributes, expected):
    assert allows([urls("/nothing"), granted], attributes) is expected


def test_no_rules_allow_nothing():
    assert not allows([], Attributes("get", resource="pods"))


COVERINGS = [
    ([rule("*", "*", "*")], rule("apps", "deployments", "get delete", "a"), True),
    ([rule("", "pods", "get")], rule("", "pods", "get list"), False),
    ([rule("", "pods", "get"), rule("", "pods", "list")], rule("", "pods", "get list"), True),
    ([rule("", "pods", "get"), rule("apps", "deployments", "get")], rule(",apps", "pods", "get"), False),
    ([rule("", "secrets", "get", "a")], rule("", "secrets", "get"), False),
    ([rule("", "secrets", "get", "a b")], rule("", "secrets", "get", "b"), True),
    ([rule("", "secrets", "get")], rule("", "secrets", "get", "b"), True),
    ([rule("*", "*/scale", "*")], rule("apps", "deployments/scale", "update"), True),
    ([rule("*", "*/scale", "*")], rule("apps", "deployments", "update"), False),
    ([urls("/livez/*")], urls("/livez/ping /livez/*"), True),
    ([urls("/livez/*")], urls("/*"), False),
    ([rule("*", "*", "*")], urls("/healthz"), False),
]


@pytest.mark.parametrize(("owned", "wanted", "expected"), COVERINGS)
def test_covers(owned, wanted, expected):
    assert covers(owned, [wanted]) is expected


def test_uncovered_joins_verbs_and_is_sorted_for_people():
    missing = uncovered([rule("", "pods", "get")], [rule(",apps", "pods secrets", "get list")])
    assert [describe(item) for item in missing] == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["secrets"], Verbs:["get" "list"]}',
    ]


def test_describe_shows_names_and_urls():
    assert describe(rule("", "secrets", "get", "a")) == (
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}'
    )
    assert describe(urls("/healthz")) == '{NonResourceURLs:["/healthz"], Verbs:["get"]}'
