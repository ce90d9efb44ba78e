"""Which objects a quota is about, beyond their kind: its scopes. Source: upstream's podMatchesScopeFunc."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from api.pod_qos import qos_class
from api.scheme import Resource
from api.types import (
    PersistentVolumeClaim,
    Pod,
    PodAffinityTerm,
    ResourceQuotaSpec,
    ScopedResourceSelectorRequirement,
)


def matches(spec: ResourceQuotaSpec, resource: Resource, record: Any) -> bool:
    """Whether an object is in every scope of a quota; kinds without scopes are in none."""
    if not spec.scopes and spec.scope_selector is None:
        return True
    match = _MATCHERS.get(resource.group_resource)
    return all(match is not None and match(record, scope) for scope in _requirements(spec))


def _requirements(spec: ResourceQuotaSpec) -> Iterator[ScopedResourceSelectorRequirement]:
    for scope in spec.scopes:
        yield ScopedResourceSelectorRequirement(scope_name=scope, operator="Exists")
    if spec.scope_selector is not None:
        yield from spec.scope_selector.match_expressions


def _pod(pod: Pod, scope: ScopedResourceSelectorRequirement) -> bool:
    match scope.scope_name:
        case "Terminating":
            return _ends(pod)
        case "NotTerminating":
            return not _ends(pod)
        case "BestEffort":
            return qos_class(pod) == "BestEffort"
        case "NotBestEffort":
            return qos_class(pod) != "BestEffort"
        case "PriorityClass":
            return _selects(scope, pod.spec.priority_class_name)
        case "CrossNamespacePodAffinity":
            return any(term.namespaces or term.namespace_selector is not None for term in _affinity_terms(pod))
    return False


def _claim(claim: PersistentVolumeClaim, scope: ScopedResourceSelectorRequirement) -> bool:
    """The class the claim has and the one it is to get: a quota of either counts it."""
    if scope.scope_name != "VolumeAttributesClass":
        return False
    modified = claim.status.modify_volume_status
    named = {
        claim.spec.volume_attributes_class_name or "",
        claim.status.current_volume_attributes_class_name or "",
        modified.target_volume_attributes_class_name if modified is not None else "",
    }
    return any(_selects(scope, name) for name in (named - {""} or {""}))


def _selects(scope: ScopedResourceSelectorRequirement, value: str) -> bool:
    match scope.operator:
        case "Exists":
            return bool(value)
        case "DoesNotExist":
            return not value
        case "In":
            return value in scope.values
        case "NotIn":
            return value not in scope.values
    return False


def _ends(pod: Pod) -> bool:
    seconds = pod.spec.active_deadline_seconds
    return seconds is not None and seconds >= 0


def _affinity_terms(pod: Pod) -> Iterator[PodAffinityTerm]:
    affinity = pod.spec.affinity
    for side in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
        if side is not None:
            yield from side.required_during_scheduling_ignored_during_execution
            for weighted in side.preferred_during_scheduling_ignored_during_execution:
                yield weighted.pod_affinity_term


_MATCHERS: Final[Mapping[str, Callable[[Any, ScopedResourceSelectorRequirement], bool]]] = {
    "pods": _pod,
    "persistentvolumeclaims": _claim,
}
