"""Pods, namespaces and network policies as tests of their enforcement write them."""

from __future__ import annotations

from typing import Any

from api import codec, defaults
from api.types import Namespace, NetworkPolicy, Pod


def namespace(name: str, **labels: str) -> Namespace:
    named = {"kubernetes.io/metadata.name": name, **labels}
    return codec.from_tree(Namespace, {"metadata": {"name": name, "labels": named}})


def pod(name: str, address: str, inside: str = "default", *, node: str = "here", **more: Any) -> Pod:
    """A running pod; `ports` maps names to numbers, other keywords are labels."""
    ports = [{"name": word, "containerPort": number} for word, number in more.pop("ports", {}).items()]
    tree = {
        "metadata": {"name": name, "namespace": inside, "labels": more},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
        "status": {"phase": "Running", "podIP": address},
    }
    return codec.from_tree(Pod, tree)


def policy(name: str = "policy", inside: str = "default", **spec: Any) -> NetworkPolicy:
    """A policy about all pods of its namespace unless told otherwise; fields in the API's spelling."""
    tree = {"metadata": {"name": name, "namespace": inside}, "spec": {"podSelector": {}, **spec}}
    return defaults.apply(codec.from_tree(NetworkPolicy, tree))
