"""What one object counts for, by resource name, and which resource names its kind can count for.

Source: upstream's quota evaluators (pkg/quota/v1/evaluator/core) and the documentation "Resource Quotas".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from api import pod_resources, timestamps
from api.quota.amounts import ONE, Amounts, nanos
from api.scheme import Resource
from api.types import PersistentVolumeClaim, Pod, Service

_POD_AMOUNTS: Final = ("cpu", "memory", "ephemeral-storage")
_POD_NAMES: Final = frozenset(
    {"pods", *_POD_AMOUNTS} | {f"{s}.{n}" for s in ("requests", "limits") for n in _POD_AMOUNTS}
)
_SERVICE_NAMES: Final = frozenset({"services", "services.nodeports", "services.loadbalancers"})
_CLAIM_NAMES: Final = frozenset({"persistentvolumeclaims", "requests.storage"})
_OF_CLASS: Final = ".storageclass.storage.k8s.io/"
_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
# Counted under their own name beside "count/NAME" since before the latter was there.
_NAMED: Final = frozenset({"configmaps", "secrets", "replicationcontrollers", "resourcequotas"})
# What the system makes for its own purposes (upstream: the plugin's ignored resources).
_UNCOUNTED: Final = frozenset({"events", "events.events.k8s.io", "bindings"})
FINISHED: Final = ("Succeeded", "Failed")


def is_counted(resource: Resource) -> bool:
    """Whether quotas are about such objects at all."""
    return resource.namespaced and resource.group_resource not in _UNCOUNTED


def tracked(resource: Resource, names: Iterable[str]) -> set[str]:
    """Those of a quota's resource names that objects of this kind count for."""
    return {name for name in names if _tracks(resource.group_resource, name)}


def usage(resource: Resource, record: Any, now: float) -> Amounts:
    """What an object counts for at `now`, in seconds since the epoch."""
    measure = _MEASURES.get(resource.group_resource)
    counted = {f"count/{resource.group_resource}": ONE}
    if measure is not None:
        return counted | measure(record, now)
    if resource.group_resource in _NAMED:
        counted[resource.group_resource] = ONE
    return counted


def missing_requirements(resource: Resource, record: Any, names: Iterable[str]) -> str:
    """What a pod must say for its use to be known: "must specify limits.cpu for: a,b; ...", or "" when all is said."""
    if resource.group_resource != "pods":
        return ""
    pod: Pod = record
    wanted = sorted(set(names) & _EXPLICIT)
    missing: dict[str, set[str]] = {}
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        stated = _compute(
            pod_resources.amounts(container.resources.requests), pod_resources.amounts(container.resources.limits)
        )
        for name in wanted:
            if name not in stated:
                missing.setdefault(name, set()).add(container.name)
    if pod.spec.resources is not None:
        whole = pod.spec.resources
        stated = _compute(pod_resources.amounts(whole.requests), pod_resources.amounts(whole.limits))
        missing = {name: containers for name, containers in missing.items() if name not in stated}
    if not missing:
        return ""
    return "must specify " + "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def holds_node_resources(pod: Pod, now: float) -> bool:
    """Whether a pod counts beyond its mere existence: not once it is finished or should be long gone."""
    if pod.status.phase in FINISHED:
        return False
    metadata = pod.metadata
    if not metadata.deletion_timestamp or metadata.deletion_grace_period_seconds is None:
        return True
    return now <= timestamps.parse(metadata.deletion_timestamp) + metadata.deletion_grace_period_seconds


_EXPLICIT: Final = frozenset(
    {"cpu", "memory"} | {f"{s}.{n}" for s in ("requests", "limits") for n in ("cpu", "memory")}
)


@lru_cache(4096)
def _tracks(kind: str, name: str) -> bool:
    if name == f"count/{kind}":
        return True
    match kind:
        case "pods":
            return name in _POD_NAMES or _is_huge_page(name.removeprefix("requests.")) or _is_extended(name)
        case "services":
            return name in _SERVICE_NAMES
        case "persistentvolumeclaims":
            return name in _CLAIM_NAMES or any(name.endswith(f"{_OF_CLASS}{each}") for each in _CLAIM_NAMES)
    return kind in _NAMED and name == kind


def _pod(pod: Pod, now: float) -> Amounts:
    if not holds_node_resources(pod, now):
        return {}
    return {"pods": ONE} | _compute(pod_resources.requests(pod), pod_resources.limits(pod))


def _compute(requests: Mapping[str, int], limits: Mapping[str, int]) -> Amounts:
    result: Amounts = {}
    for name, amount in requests.items():
        if name in _POD_AMOUNTS or _is_huge_page(name):
            result[name] = amount
        result[f"requests.{name}"] = amount
    for name, amount in limits.items():
        if name in _POD_AMOUNTS:
            result[f"limits.{name}"] = amount
    return result


def _service(service: Service, now: float) -> Amounts:
    spec = service.spec
    result = {"services": ONE}
    ports = 0
    if spec.type == "NodePort" or (spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is not False):
        ports = len(spec.ports)
    elif spec.type == "LoadBalancer":
        ports = sum(1 for port in spec.ports if port.node_port)
    if ports:
        result["services.nodeports"] = ports * ONE
    if spec.type == "LoadBalancer":
        result["services.loadbalancers"] = ONE
    return result


def _claim(claim: PersistentVolumeClaim, now: float) -> Amounts:
    result = {"persistentvolumeclaims": ONE}
    size = claim.spec.resources.requests.get("storage")
    if size is not None:
        # A volume that was to grow and could not has what was last allocated.
        allocated = claim.status.allocated_resources.get("storage", "0")
        result["requests.storage"] = max(nanos(size), nanos(allocated))
    storage_class = claim.metadata.annotations.get(_CLASS_ANNOTATION, claim.spec.storage_class_name)
    if storage_class:
        result |= {f"{storage_class}{_OF_CLASS}{name}": amount for name, amount in result.items()}
    return result


def _is_huge_page(name: str) -> bool:
    return name.startswith("hugepages-")


def _is_extended(name: str) -> bool:
    return name.startswith("requests.") and "/" in name and "kubernetes.io/" not in name


_MEASURES: Final[Mapping[str, Callable[[Any, float], Amounts]]] = {
    "pods": _pod,
    "services": _service,
    "persistentvolumeclaims": _claim,
}
