"""How many pods the owners of a budget's pods want: the whole that percentages are of. Pure.

Source: upstream's disruption controller (its pod controller finders and getExpectedScale).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api import scheme
from api.types import OwnerReference, Pod
from controllers.ownership import controller_of

# Finds an object by kind, namespace and name; None when there is none.
Find = Callable[[str, str, str], Any]

_GROUPS: Final = {"ReplicaSet": "apps", "Deployment": "apps", "StatefulSet": "apps", "ReplicationController": ""}


class ScaleError(Exception):
    """The expected number of pods cannot be told; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Expected:
    """count: the sum of what the owners want. unmanaged: pods without an owner, which no sum takes in."""

    count: int
    unmanaged: Sequence[Pod]


def expected_scale(pods: Iterable[Pod], find: Find) -> Expected:
    """Raises `ScaleError` for pods of owners that cannot be asked."""
    scales: dict[str, int] = {}
    unmanaged: list[Pod] = []
    for pod in pods:
        reference = controller_of(pod)
        if reference is None:
            unmanaged.append(pod)
        elif reference.uid not in scales:
            top, replicas = _scale(pod, reference, find)
            scales[reference.uid] = 0
            scales[top] = replicas
    return Expected(sum(scales.values()), unmanaged)


def _scale(pod: Pod, reference: OwnerReference, find: Find) -> tuple[str, int]:
    """The uid of the owner that decides, and how many pods it wants; a Deployment stands behind its ReplicaSets."""
    namespace = pod.metadata.namespace
    owner = _resolve(reference, namespace, find)
    if owner is not None and reference.kind == "ReplicaSet":
        above = controller_of(owner)
        if above is not None and above.kind == "Deployment":
            owner = _resolve(above, namespace, find)
    if owner is None:
        raise ScaleError(_unknown(pod, reference))
    replicas = owner.spec.replicas
    return owner.metadata.uid, 1 if replicas is None else replicas


def _resolve(reference: OwnerReference, namespace: str, find: Find) -> Any:
    group, _, _ = reference.api_version.rpartition("/")
    if _GROUPS.get(reference.kind) != group:
        return None
    found = find(reference.kind, namespace, reference.name)
    return found if found is not None and found.metadata.uid == reference.uid else None


def _unknown(pod: Pod, reference: OwnerReference) -> str:
    try:
        resource = scheme.by_kind(reference.api_version, reference.kind)
    except KeyError:
        resource = None
    if resource is not None and not any(each.name == "scale" for each in resource.subresources):
        return f"{resource.group_resource} does not implement the scale subresource"
    return f'found no controllers for pod "{pod.metadata.name}"'
