"""A kubelet sees the pods bound to its node, not those of others."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, rbac
from api.types import ClusterRole, PersistentVolume, Pod
from apiserver.auth.node import NodeAuthorizer
from apiserver.auth.user import ALL_AUTHENTICATED, NODES, User
from apiserver.requests import Attributes

KUBELET = User("system:node:n1", groups=(NODES, ALL_AUTHENTICATED))


def pod(name: str, node_name: str) -> Pod:
    return codec.from_tree(Pod, {"metadata": {"name": name, "namespace": "a"}, "spec": {"nodeName": node_name}})


class Pods:
    def __init__(self, *pods: Pod) -> None:
        self._pods = {pod.metadata.name: pod for pod in pods}

    def volumes(self) -> list[PersistentVolume]:
        return []

    def pods_on_node(self, node_name: str) -> list[Pod]:
        return [pod for pod in self._pods.values() if pod.spec.node_name == node_name]

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self._pods.get(name) if namespace == "a" else None


def allowed(verb: str, **asked: Any) -> bool:
    roles = [record for record in rbac.bootstrap() if isinstance(record, ClusterRole)]
    (role,) = [role for role in roles if role.metadata.name == "system:node"]
    authorizer = NodeAuthorizer(Pods(pod("mine", "n1"), pod("others", "n2"), pod("nobodys", "")), role.rules)
    return authorizer.authorize(Attributes(KUBELET, verb, resource="pods", **asked)).allowed


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize(
    ("field_selector", "expected"),
    [
        ("spec.nodeName=n1", True),
        ("status.phase=Running,spec.nodeName==n1", True),
        ("", False),
        ("spec.nodeName=n2", False),
        ("spec.nodeName!=n1", False),
        ("metadata.name=others", False),
        ("spec.nodeName=n1\\,n2", False),
        ("status.phase!=x\\,spec.nodeName=n1", False),
    ],
)
def test_only_lists_and_watches_of_its_own_pods(verb: str, field_selector: str, expected: bool) -> None:
    assert allowed(verb, field_selector=field_selector) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("mine", True), ("others", False), ("nobodys", False), ("of-nobody-at-all", True)]
)
def test_only_its_own_pods_one_by_one(name: str, expected: bool) -> None:
    """That there is none of a name may be told: kubelets must learn that their pod is gone."""
    assert allowed("get", namespace="a", name=name) is expected


@pytest.mark.parametrize(("name", "expected"), [("mine", True), ("others", False), ("nobodys", False)])
def test_only_its_own_pods_are_evicted(name: str, expected: bool) -> None:
    """Before admission refuses the deletion, an eviction has marked the pod and taken a disruption off its budget."""
    assert allowed("create", subresource="eviction", namespace="a", name=name) is expected
