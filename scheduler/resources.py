"""How much of each resource a pod asks for.

Source: upstream's resource helpers (k8s.io/component-helpers/resource): containers run side by side, plain init
containers one after another beside the sidecars started before them, pod-level requests win, overhead is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from api import quantity
from api.types import Container, Pod

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
PODS = "pods"

# What a container that asks for nothing is taken to use when nodes are scored (upstream: 0.1 core, 200 MB).
DEFAULT_MILLI_CPU = 100
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024

Amounts = dict[str, int]


@lru_cache(maxsize=8192)
def amount(resource: str, text: str) -> int:
    """A quantity in the resource's unit: thousandths of a core for cpu, else whole units, rounded up."""
    return quantity.milli(text) if resource == CPU else quantity.whole(text)


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """A resource list in units."""
    return {resource: amount(resource, text) for resource, text in quantities.items()}


def pod_requests(pod: Pod) -> Amounts:
    """What the pod needs of a node, per resource; `pods` is not among them.

    A pod that is being resized in place holds what it had until it is done: the greater of both counts.
    """
    held = _held(pod)
    if not held:
        return _combined(pod, lambda container: amounts(container.resources.requests))

    def requests_of(container: Container) -> Amounts:
        requests = {} if _is_infeasible(pod) and container.name in held else amounts(container.resources.requests)
        _raise_to(requests, held.get(container.name, {}))
        return requests

    return _combined(pod, requests_of)


def _held(pod: Pod) -> dict[str, Amounts]:
    """By container, what its node has given it."""
    held: dict[str, Amounts] = {}
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        has: Amounts = {}
        _raise_to(has, amounts(status.allocated_resources))
        if status.resources is not None:
            _raise_to(has, amounts(status.resources.requests))
        if has:
            held[status.name] = has
    return held


def _is_infeasible(pod: Pod) -> bool:
    """The node cannot do the resize that the spec asks for, and will not."""
    return any(
        condition.type == "PodResizePending" and condition.reason == "Infeasible" for condition in pod.status.conditions
    )


def scoring_requests(pod: Pod) -> tuple[int, int]:
    """Milli-cores and bytes the pod is taken to use when nodes are scored."""
    total = _combined(pod, _with_defaults)
    return total.get(CPU, 0), total.get(MEMORY, 0)


def _with_defaults(container: Container) -> Amounts:
    requests = amounts(container.resources.requests)
    requests.setdefault(CPU, DEFAULT_MILLI_CPU)
    requests.setdefault(MEMORY, DEFAULT_MEMORY_BYTES)
    return requests


def _combined(pod: Pod, requests_of: Callable[[Container], Amounts]) -> Amounts:
    spec = pod.spec
    total = _sum(requests_of(container) for container in spec.containers)
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        requests = requests_of(container)
        if container.restart_policy == "Always":
            _add(total, requests)
            _add(sidecars, requests)
            requests = sidecars
        else:
            _add(requests, sidecars)
        _raise_to(peak, requests)
    _raise_to(total, peak)
    if spec.resources is not None:
        total.update(amounts(spec.resources.requests))
    _add(total, amounts(spec.overhead))
    return total


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        _add(total, part)
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for resource, value in more.items():
        total[resource] = total.get(resource, 0) + value


def _raise_to(total: Amounts, floor: Amounts) -> None:
    for resource, value in floor.items():
        total[resource] = max(total.get(resource, 0), value)
