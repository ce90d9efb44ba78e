"""What URLs ask for, as upstream's RequestInfo tests have it."""

from __future__ import annotations

import pytest

from apiserver.rest.request_info import parse

CASES = [
    # method, path, watch, verb, group, version, namespace, resource, name, subresource
    ("GET", "/api/v1/namespaces", False, "list", "", "v1", "", "namespaces", "", ""),
    ("GET", "/api/v1/namespaces/other", False, "get", "", "v1", "other", "namespaces", "other", ""),
    ("PUT", "/api/v1/namespaces/other/finalize", False, "update", "", "v1", "other", "namespaces", "other", "finalize"),
    ("PATCH", "/api/v1/namespaces/other/status", False, "patch", "", "v1", "other", "namespaces", "other", "status"),
    ("GET", "/api/v1/namespaces/other/pods", False, "list", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods", True, "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo", False, "get", "", "v1", "other", "pods", "foo", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo", True, "get", "", "v1", "other", "pods", "foo", ""),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", False, "get", "", "v1", "other", "pods", "foo", ""),
    ("GET", "/api/v1/pods", False, "list", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods", False, "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods/foo", False, "watch", "", "v1", "other", "pods", "foo", ""),
    ("POST", "/api/v1/namespaces/other/pods", False, "create", "", "v1", "other", "pods", "", ""),
    ("POST", "/api/v1/namespaces/other/pods/foo/exec", False, "create", "", "v1", "other", "pods", "foo", "exec"),
    ("DELETE", "/api/v1/namespaces/other/pods/foo", False, "delete", "", "v1", "other", "pods", "foo", ""),
    ("DELETE", "/api/v1/namespaces/other/pods", False, "deletecollection", "", "v1", "other", "pods", "", ""),
    ("DELETE", "/api/v1/nodes", False, "deletecollection", "", "v1", "", "nodes", "", ""),
    ("GET", "/apis/apps/v1/namespaces/a/deployments/d/scale", 0, "get", "apps", "v1", "a", "deployments", "d", "scale"),
    ("GET", "/apis/apps/v1/deployments/", False, "list", "apps", "v1", "", "deployments", "", ""),
    ("GET", "/api/v1/namespaces/a/configmaps/x%2Fy", False, "get", "", "v1", "a", "configmaps", "x/y", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]} {case[1]} {case[2] or ''}" for case in CASES])
def test_resource_requests(case: tuple[str, ...]) -> None:
    method, path, watch, *expected = case
    info = parse(method, path, watch=bool(watch))
    found = [info.verb, info.group, info.version, info.namespace, info.resource, info.name, info.subresource]
    assert found == expected


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/version"]
)
def test_other_paths(path: str) -> None:
    info = parse("GET", path)
    assert (info.resource, info.verb, info.path) == ("", "get", path)


def test_what_follows_a_subresource_is_kept() -> None:
    assert list(parse("GET", "/api/v1/namespaces/a/pods/p/proxy/x/y").rest) == ["x", "y"]
