"""What the identity of a node group may write: about its own nodes what a kubelet may, about others nothing."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, scheme
from api.errors import Forbidden
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Request
from apiserver.admission.node_restriction import NodeRestriction
from apiserver.auth.user import User
from apiserver.requests import WriteOptions
from apiserver.storage.cache import ResourceCache

GROUP = User("system:node-group:hollow-1", groups=("system:nodes", "system:authenticated"))
MIRROR = {"kubernetes.io/config.mirror": "x"}


class Reader:
    cache = ResourceCache(scheme.find("pods"))

    async def fresh(self, revision: int | None) -> None:
        return None


async def write(operation: str, word: str, new: Any, old: Any = None, subresource: str = "") -> None:
    resource = scheme.find(word)
    records = [None if tree is None else codec.from_tree(resource.record, tree) for tree in (new, old)]
    metadata = (new or old)["metadata"]
    request = Request(
        GROUP,
        operation,
        resource,
        subresource,
        metadata.get("namespace", ""),
        metadata["name"],
        records[0],
        records[1],
        WriteOptions(),
    )
    plugin = NodeRestriction(Reader())  # type: ignore[arg-type]
    if operation == CREATE:
        await plugin.create(request)
    elif operation == UPDATE:
        plugin.update(request)
    else:
        plugin.delete(request)


def node(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def pod(on: str, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "a", **meta}, "spec": {"nodeName": on, "containers": []}}


def lease(name: str, namespace: str = "kube-node-lease") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}}


TAINT = {"key": "k", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("operation", "word", "new", "old", "subresource", "expected"),
    [
        (CREATE, "nodes", node("hollow-1-7", {"topology.kubernetes.io/zone": "z"}), None, "", True),
        (CREATE, "nodes", node("hollow-2-7"), None, "", False),
        (CREATE, "nodes", node("node-1"), None, "", False),
        (CREATE, "nodes", node("hollow-1-7", {"node-restriction.kubernetes.io/x": "y"}), None, "", False),
        (UPDATE, "nodes", node("hollow-1-7"), node("hollow-1-7"), "status", True),
        (UPDATE, "nodes", node("node-1"), node("node-1"), "status", False),
        (UPDATE, "nodes", node("hollow-1-7", taints=[]), node("hollow-1-7", taints=[TAINT]), "", False),
        (UPDATE, "pods", pod("hollow-1-7"), pod("hollow-1-7"), "status", True),
        (UPDATE, "pods", pod("node-1"), pod("node-1"), "status", False),
        (UPDATE, "pods", pod("hollow-1-7", labels={"a": "b"}), pod("hollow-1-7"), "status", False),
        (DELETE, "pods", None, pod("hollow-1-7"), "", True),
        (DELETE, "pods", None, pod("node-1"), "", False),
        (CREATE, "pods", pod("hollow-1-7", annotations=MIRROR), None, "", False),
        (CREATE, "leases", lease("hollow-1-7"), None, "", True),
        (CREATE, "leases", lease("node-1"), None, "", False),
        (UPDATE, "leases", lease("hollow-1-7", "default"), lease("hollow-1-7", "default"), "", False),
    ],
)
async def test_writes(operation: str, word: str, new: Any, old: Any, subresource: str, *, expected: bool) -> None:
    if expected:
        await write(operation, word, new, old, subresource)
    else:
        with pytest.raises(Forbidden):
            await write(operation, word, new, old, subresource)
