"""What a limit range gives containers that say nothing of a resource. Pure.

Source: upstream's LimitRanger plugin, with its annotation that tells what was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from api.types import Container, LimitRange, Pod

ANNOTATION: Final = "kubernetes.io/limit-ranger"


def with_defaults(pod: Pod, limit_range: LimitRange) -> Pod:
    """The pod with the range's defaults; itself when it lacks none."""
    limits, requests = _defaults(limit_range)
    if not limits and not requests:
        return pod
    told: list[str] = []
    containers = [_filled(each, limits, requests, "container", told) for each in pod.spec.containers]
    starting = [_filled(each, limits, requests, "init container", told) for each in pod.spec.init_containers]
    if not told:
        return pod
    note = f"LimitRanger plugin set: {'; '.join(told)}"
    metadata = replace(pod.metadata, annotations={**pod.metadata.annotations, ANNOTATION: note})
    return replace(pod, metadata=metadata, spec=replace(pod.spec, containers=containers, init_containers=starting))


def _defaults(limit_range: LimitRange) -> tuple[Mapping[str, str], Mapping[str, str]]:
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for item in limit_range.spec.limits:
        if item.type == "Container":
            limits |= item.default
            requests |= item.default_request
    return limits, requests


def _filled(
    container: Container, limits: Mapping[str, str], requests: Mapping[str, str], kind: str, told: list[str]
) -> Container:
    resources = container.resources
    new_requests = {name: amount for name, amount in requests.items() if name not in resources.requests}
    new_limits = {name: amount for name, amount in limits.items() if name not in resources.limits}
    if new_requests:
        told.append(f"{', '.join(sorted(new_requests))} request for {kind} {container.name}")
    if new_limits:
        told.append(f"{', '.join(sorted(new_limits))} limit for {kind} {container.name}")
    if not new_requests and not new_limits:
        return container
    filled = replace(
        resources,
        requests={**resources.requests, **new_requests},
        limits={**resources.limits, **new_limits},
    )
    return replace(container, resources=filled)
