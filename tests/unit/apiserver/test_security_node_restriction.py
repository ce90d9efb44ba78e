"""What a kubelet's mirror pods may name: nothing that it could then read."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, scheme
from api.errors import Forbidden
from api.types import Pod
from apiserver.admission.chain import CREATE, Request
from apiserver.admission.node_restriction import NodeRestriction
from apiserver.auth.user import User
from apiserver.requests import WriteOptions
from apiserver.storage.cache import ResourceCache

KUBELET = User("system:node:n1", groups=("system:nodes", "system:authenticated"))


class Reader:
    cache = ResourceCache(scheme.find("pods"))

    async def fresh(self, revision: int | None) -> None:
        return None


async def create(**spec: Any) -> None:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}
    metadata = {
        "name": "p",
        "namespace": "a",
        "annotations": {"kubernetes.io/config.mirror": "x"},
        "ownerReferences": [owner],
    }
    containers = spec.pop("containers", [{"name": "c", "image": "i"}])
    pod = codec.from_tree(Pod, {"metadata": metadata, "spec": {"nodeName": "n1", "containers": containers, **spec}})
    resource = scheme.find("pods")
    await NodeRestriction(Reader()).create(  # type: ignore[arg-type]
        Request(KUBELET, CREATE, resource, "", "a", "p", pod, None, WriteOptions())
    )


def container(**more: Any) -> dict[str, Any]:
    return {"name": "c", "image": "i", **more}


async def test_a_plain_mirror_pod_is_fine() -> None:
    await create(volumes=[{"name": "v", "hostPath": {"path": "/x"}}])


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "v", "configMap": {"name": "s"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": []}}]},
        {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "s"}}]},
        {"imagePullSecrets": [{"name": "s"}]},
        {"containers": [container(envFrom=[{"secretRef": {"name": "s"}}])]},
        {"containers": [container(envFrom=[{"configMapRef": {"name": "s"}}])]},
        {"initContainers": [container(env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}])]},
        {"resourceClaims": [{"name": "r", "resourceClaimName": "s"}]},
        {"serviceAccountName": "s"},
    ],
)
async def test_one_that_refers_to_anything_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(Forbidden, match="can not create pods that reference"):
        await create(**spec)
