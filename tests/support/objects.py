"""Objects for the scheduler's and the controllers' tests, made from the trees that users write."""

from __future__ import annotations

import itertools
from typing import Any

from api import codec
from api.types import (
    Deployment,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    ReplicaSet,
    Service,
    StorageClass,
)

_uids = itertools.count(1)


def uid() -> str:
    """A uid that no other object of this run has."""
    return f"00000000-0000-0000-0000-{next(_uids):012d}"


def metadata(name: str, namespace: str = "default", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": uid(), "resourceVersion": "1", **more}


def node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: dict[str, str] | None = None,
    taints: list[dict[str, str]] | None = None,
    unschedulable: bool = False,
    ready: str | None = "True",
    **allocatable: str,
) -> Node:
    labels = {"kubernetes.io/hostname": name, **(labels or {})}
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    resources = {"cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": "100Gi", **allocatable}
    tree = {
        "metadata": {"name": name, "uid": f"node-{name}", "labels": labels, "resourceVersion": "1"},
        "spec": {"taints": taints or [], "unschedulable": unschedulable},
        "status": {"allocatable": resources, "conditions": conditions},
    }
    return codec.from_tree(Node, tree)


def pod(
    name: str,
    *,
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    cpu: str = "",
    memory: str = "",
    on: str = "",
    requests: dict[str, str] | None = None,
    meta: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> Pod:
    wanted = {**({"cpu": cpu} if cpu else {}), **({"memory": memory} if memory else {}), **(requests or {})}
    container = {"name": "main", "image": "busybox", "resources": {"requests": wanted}}
    tree = {
        "metadata": metadata(name, namespace, labels=labels or {}, **(meta or {})),
        "spec": {"containers": [container], "schedulerName": "default-scheduler", "nodeName": on, **spec},
        "status": {"phase": "Running" if on else "Pending", **(status or {})},
    }
    return codec.from_tree(Pod, tree)


def namespace(name: str, labels: dict[str, str] | None = None) -> Namespace:
    return codec.from_tree(Namespace, {"metadata": {"name": name, "uid": uid(), "labels": labels or {}}})


def service(name: str, selector: dict[str, str] | None, *, namespace: str = "default", **spec: Any) -> Service:
    spec = {"ports": [{"name": "", "port": 80, "protocol": "TCP", "targetPort": 8080}], **spec}
    if selector:
        spec["selector"] = selector
    meta = metadata(name, namespace, creationTimestamp="2024-01-01T00:00:00Z")
    return codec.from_tree(Service, {"metadata": meta, "spec": spec})


def replica_set(name: str, labels: dict[str, str], *, replicas: int = 1, **more: Any) -> ReplicaSet:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    tree = {
        "metadata": metadata(name, labels=labels, generation=1, **more.pop("meta", {})),
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **more},
    }
    return codec.from_tree(ReplicaSet, tree)


def owner(object: Any, *, block: bool = True) -> dict[str, Any]:
    """The reference by which `object` controls what carries it."""
    return {
        "apiVersion": object.api_version,
        "kind": object.kind,
        "name": object.metadata.name,
        "uid": object.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": block,
    }


def deployment(
    name: str = "web",
    *,
    replicas: int = 3,
    surge: int | str = "25%",
    unavailable: int | str = "25%",
    image: str = "a",
    strategy: str = "RollingUpdate",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> Deployment:
    """A deployment of generation 1 with upstream's defaults."""
    labels = labels or {"app": name}
    rolling = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    tree = {
        "metadata": metadata(name, generation=1),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template(labels, image),
            "strategy": {"type": strategy, **(rolling if strategy == "RollingUpdate" else {})},
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            **spec,
        },
    }
    return codec.from_tree(Deployment, tree)


def template(labels: dict[str, str], image: str = "a") -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}


def storage_class(name: str, *, wait: bool = True, provisioner: str = "example.com/disk", **more: Any) -> StorageClass:
    mode = "WaitForFirstConsumer" if wait else "Immediate"
    tree = {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode, **more}
    return codec.from_tree(StorageClass, tree)


def volume(
    name: str,
    *,
    size: str = "1Gi",
    on: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
    phase: str = "Available",
    **spec: Any,
) -> PersistentVolume:
    """A volume that can be reached from the nodes of these names, or from all."""
    tree: dict[str, Any] = {
        "metadata": {"name": name, "uid": uid(), "labels": labels or {}, "resourceVersion": "1"},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "slow", **spec},
        "status": {"phase": phase},
    }
    if on:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(on)}
        tree["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    return codec.from_tree(PersistentVolume, tree)


def claim(
    name: str, *, size: str = "1Gi", to: str = "", meta: dict[str, Any] | None = None, **spec: Any
) -> PersistentVolumeClaim:
    """A claim, bound to a volume when one is named."""
    annotations = {"pv.kubernetes.io/bind-completed": "yes"} if to else {}
    annotations |= (meta or {}).pop("annotations", {})
    resources = {"requests": {"storage": size}}
    wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "slow", "resources": resources, "volumeName": to}
    tree = {
        "metadata": metadata(name, annotations=annotations, **(meta or {})),
        "spec": {**wanted, **spec},
        "status": {"phase": "Bound" if to else "Pending"},
    }
    return codec.from_tree(PersistentVolumeClaim, tree)
