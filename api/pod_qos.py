"""A pod's quality of service, from what its containers request and may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api import quantity
from api.types import Pod, ResourceRequirements

_QOS_RESOURCES: Final = ("cpu", "memory")


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort (upstream documentation "Pod Quality of Service Classes")."""
    whole = pod.spec.resources
    if whole is not None and (whole.requests or whole.limits):
        # Resources of the pod as a whole stand for those of its containers.
        used = [_nonzero(whole)]
    else:
        containers = [*pod.spec.containers, *pod.spec.init_containers]
        used = [_nonzero(container.resources) for container in containers]
    if not any(requests or limits for requests, limits in used):
        return "BestEffort"
    guaranteed = all(
        set(limits) == set(_QOS_RESOURCES) and all(requests.get(name) == limits[name] for name in limits)
        for requests, limits in used
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _nonzero(resources: ResourceRequirements) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    limits = dict(_amounts(resources.limits.items()))
    # What is limited but not requested counts as requested.
    return {**limits, **dict(_amounts(resources.requests.items()))}, limits


def _amounts(resources: Iterable[tuple[str, str]]) -> Iterable[tuple[str, Any]]:
    for name, text in resources:
        if name in _QOS_RESOURCES and (amount := quantity.parse(text)):
            yield name, amount
