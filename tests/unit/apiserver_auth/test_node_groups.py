"""The identity of a node group speaks for its own nodes and reads nothing that pods refer to."""

from __future__ import annotations

import pytest

from api import codec, scheme
from api.types import PersistentVolume, Pod
from apiserver.auth.node import NodeAuthorizer
from apiserver.auth.user import ALL_AUTHENTICATED, NODES, User
from apiserver.requests import Attributes
from apiserver.storage.selection import Selection
from apiserver.stored import Stored

GROUP = User("system:node-group:hollow-1", groups=(NODES, ALL_AUTHENTICATED))
LEASES = {"group": "coordination.k8s.io", "resource": "leases", "namespace": "kube-node-lease"}


class Pods:
    def volumes(self) -> list[PersistentVolume]:
        return []

    def pods_on_node(self, node_name: str) -> list[Pod]:
        raise AssertionError("what pods refer to is nothing to a node group")

    def pod(self, namespace: str, name: str) -> Pod | None:
        return codec.from_tree(Pod, {"metadata": {"name": name}, "spec": {"nodeName": name, "containers": []}})


def allowed(verb: str, **attributes: str) -> bool:
    return NodeAuthorizer(Pods(), ()).authorize(Attributes(GROUP, verb, **attributes)).allowed


@pytest.mark.parametrize(
    ("verb", "attributes", "expected"),
    [
        ("create", {"resource": "nodes"}, True),
        ("get", {"resource": "nodes", "name": "hollow-1-7"}, True),
        ("get", {"resource": "nodes", "name": "hollow-11-7"}, False),
        ("get", {"resource": "nodes", "name": "node-1"}, False),
        ("delete", {"resource": "nodes", "name": "hollow-1-7"}, False),
        ("list", {"resource": "nodes"}, False),
        ("watch", {"resource": "nodes", "field_selector": "metadata.name=hollow-1-*"}, True),
        ("watch", {"resource": "pods", "field_selector": "spec.nodeName=hollow-1-*"}, True),
        ("watch", {"resource": "pods", "field_selector": "spec.nodeName=hollow-2-*"}, False),
        ("watch", {"resource": "pods", "field_selector": "spec.nodeName!=hollow-1-*"}, False),
        ("list", {"resource": "pods"}, False),
        ("get", {"resource": "pods", "name": "hollow-1-7"}, True),
        ("get", {"resource": "pods", "name": "node-1"}, False),
        ("create", {"resource": "pods"}, False),
        ("update", {"resource": "pods", "subresource": "status", "name": "p"}, True),
        ("get", {"resource": "secrets", "namespace": "a", "name": "s"}, False),
        ("get", {"resource": "configmaps", "namespace": "a", "name": "s"}, False),
        ("create", {"resource": "serviceaccounts", "subresource": "token", "name": "default"}, False),
        ("update", {**LEASES, "name": "hollow-1-7"}, True),
        ("update", {**LEASES, "name": "node-1"}, False),
        ("update", {**LEASES, "namespace": "default", "name": "hollow-1-7"}, False),
    ],
)
def test_rights(verb: str, attributes: dict[str, str], expected: bool) -> None:
    assert allowed(verb, **attributes) is expected


def stored(node: str) -> Stored:
    data = codec.encode(codec.from_tree(Pod, {"metadata": {"name": "p"}, "spec": {"nodeName": node}}))
    return Stored(scheme.find("pods"), "a", "p", 1, data)


def test_a_selector_takes_in_the_whole_group_and_nobody_else() -> None:
    selection = Selection(scheme.find("pods"), fields="spec.nodeName=hollow-1-*")
    found = [node for node in ("hollow-1-1", "hollow-1-2500", "hollow-11-1", "") if selection.matches(stored(node))]
    assert found == ["hollow-1-1", "hollow-1-2500"]
    assert not selection.everything
