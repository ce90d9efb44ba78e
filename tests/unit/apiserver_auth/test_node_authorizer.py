"""A kubelet reads what its own pods refer to, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, rbac
from api.types import ClusterRole, PersistentVolume, Pod
from apiserver.auth.node import NodeAuthorizer
from apiserver.auth.user import ALL_AUTHENTICATED, NODES, User
from apiserver.requests import Attributes

KUBELET = User("system:node:n1", groups=(NODES, ALL_AUTHENTICATED))
POD = {
    "metadata": {"name": "p", "namespace": "a"},
    "spec": {
        "serviceAccountName": "robot",
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "env-from"}}]}],
        "containers": [
            {
                "name": "c",
                "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}],
                "envFrom": [{"configMapRef": {"name": "settings"}}],
            }
        ],
        "volumes": [
            {"name": "v", "secret": {"secretName": "mounted"}},
            {"name": "w", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
            {"name": "x", "persistentVolumeClaim": {"claimName": "disk"}},
        ],
    },
}


def volume(secret: str, namespace: str, claim: str) -> PersistentVolume:
    source = {"driver": "d", "volumeHandle": "h", "nodeStageSecretRef": {"namespace": "vault", "name": secret}}
    spec = {"csi": source, "claimRef": {"namespace": namespace, "name": claim}}
    return codec.from_tree(PersistentVolume, {"metadata": {"name": secret}, "spec": spec})


VOLUMES = [volume("own", "a", "disk"), volume("elsewhere", "b", "disk"), volume("others", "a", "another")]


class Pods:
    def __init__(self, *trees: dict[str, Any]) -> None:
        self.pods: list[Pod] = [codec.from_tree(Pod, tree) for tree in trees]

    def volumes(self) -> list[PersistentVolume]:
        return VOLUMES

    def pods_on_node(self, node_name: str) -> list[Pod]:
        return self.pods if node_name == "n1" else []

    def pod(self, namespace: str, name: str) -> Pod | None:
        wanted = (namespace, name)
        return next((pod for pod in self.pods if (pod.metadata.namespace, pod.metadata.name) == wanted), None)


def authorizer(*trees: dict[str, Any]) -> NodeAuthorizer:
    roles = [record for record in rbac.bootstrap() if isinstance(record, ClusterRole)]
    (role,) = [role for role in roles if role.metadata.name == "system:node"]
    return NodeAuthorizer(Pods(*trees), role.rules)


def ask(verb: str, resource: str, namespace: str = "", name: str = "", user: User = KUBELET, **more: str) -> Attributes:
    return Attributes(user, verb, resource=resource, namespace=namespace, name=name, **more)


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("secrets", "pull"),
        ("secrets", "env"),
        ("secrets", "env-from"),
        ("secrets", "mounted"),
        ("configmaps", "settings"),
        ("configmaps", "projected"),
        ("persistentvolumeclaims", "disk"),
    ],
)
def test_reads_what_its_pods_refer_to(resource: str, name: str) -> None:
    own = authorizer(POD)
    for verb in ("get", "list", "watch"):
        assert own.authorize(ask(verb, resource, "a", name)).allowed
    assert not own.authorize(ask("get", resource, "b", name)).allowed
    refused = authorizer().authorize(ask("get", resource, "a", name))
    assert refused.reason == "no relationship found between node 'n1' and this object"


def test_neither_writes_nor_lists_secrets() -> None:
    own = authorizer(POD)
    assert own.authorize(ask("update", "secrets", "a", "pull")).reason == "can only read resources of this type"
    assert own.authorize(ask("list", "secrets", "a")).reason == "No Object name found"


def test_another_kubelet_sees_nothing_of_it() -> None:
    other = User("system:node:n2", groups=(NODES, ALL_AUTHENTICATED))
    assert not authorizer(POD).authorize(ask("get", "secrets", "a", "pull", user=other)).allowed


def test_mirror_pods_widen_nothing() -> None:
    mirror = POD | {"metadata": {"name": "p", "namespace": "a", "annotations": {"kubernetes.io/config.mirror": "x"}}}
    assert not authorizer(mirror).authorize(ask("get", "secrets", "a", "pull")).allowed


def test_tokens_only_for_accounts_of_its_pods() -> None:
    own = authorizer(POD)
    assert own.authorize(ask("create", "serviceaccounts", "a", "robot", subresource="token")).allowed
    assert not own.authorize(ask("create", "serviceaccounts", "a", "other", subresource="token")).allowed
    assert not own.authorize(ask("update", "serviceaccounts", "a", "robot")).allowed


@pytest.mark.parametrize(
    ("verb", "namespace", "name", "allowed"),
    [
        ("update", "kube-node-lease", "n1", True),
        ("create", "kube-node-lease", "", True),
        ("update", "kube-node-lease", "n2", False),
        ("get", "default", "n1", False),
        ("list", "kube-node-lease", "", False),
    ],
)
def test_its_own_lease(verb: str, namespace: str, name: str, allowed: bool) -> None:
    question = ask(verb, "leases", namespace, name, group="coordination.k8s.io")
    assert authorizer().authorize(question).allowed is allowed


def test_the_rest_follows_the_static_rules() -> None:
    own = authorizer()
    assert own.authorize(ask("patch", "nodes", "", "n1", subresource="status")).allowed
    assert own.authorize(ask("create", "events", "a")).allowed
    assert own.authorize(ask("list", "services")).allowed
    assert not own.authorize(ask("create", "deployments", "a", group="apps")).allowed
    assert not own.authorize(Attributes(KUBELET, "get", path="/metrics")).allowed


def test_others_are_none_of_its_business() -> None:
    jane = User("jane", groups=(ALL_AUTHENTICATED,))
    assert not authorizer(POD).authorize(ask("list", "services", user=jane)).allowed
    nameless = User("system:node:", groups=(NODES,))
    assert 'unknown node for user "system:node:"' in authorizer(POD).authorize(ask("get", "pods", user=nameless)).reason


@pytest.mark.parametrize(
    ("namespace", "name", "allowed"),
    [("vault", "own", True), ("vault", "elsewhere", False), ("vault", "others", False), ("a", "own", False)],
)
def test_reads_what_drivers_are_told_about_volumes_of_its_pods(namespace: str, name: str, allowed: bool) -> None:
    assert authorizer(POD).authorize(ask("get", "secrets", namespace, name)).allowed is allowed
