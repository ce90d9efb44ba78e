"""Requests and limits of a pod as a whole, and how those of its containers fit in them.

Source: upstream's validatePodResources and validatePodResourceConsistency.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from api import names, pod_resources, quantity
from api.errors import FieldError
from api.types import PodSpec, ResourceRequirements
from api.validation import resources
from api.validation.checks import Errors, well_formed

_SUPPORTED = ("cpu", "hugepages-", "memory")


def check(spec: PodSpec, claim_names: Collection[str], path: str) -> Errors:
    """`path` is that of the spec's `resources`."""
    whole = spec.resources
    if whole is None:
        return
    if spec.os is not None and spec.os.name == "windows":
        yield FieldError.forbidden(path, "may not be set for a windows pod")
        return
    if whole.claims:
        yield FieldError.forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level")
    yield from resources.requirements(whole, claim_names, path, name_check=_name)
    yield from _covers(spec, lambda side: side.requests, f"{path}.requests", "requests")
    yield from _covers(spec, lambda side: side.limits, f"{path}.limits", "limits")
    for index, container in enumerate(spec.containers):
        for name, limit in container.resources.limits.items():
            allowed = whole.limits.get(name)
            if allowed is not None and quantity.parse(limit) > quantity.parse(allowed):
                detail = f"must be less than or equal to pod limits of {allowed}"
                yield FieldError.invalid(f"{path}.containers[{index}][{name}].limits", limit, detail)


def _name(name: str, path: str) -> Errors:
    """The name of a resource that a pod as a whole can have."""
    problems = [*well_formed(name, path, names.qualified_name)] or [*resources.resource_name(name, path)]
    yield from problems
    if not problems and name not in ("cpu", "memory") and not resources.is_huge_page(name):
        yield FieldError.not_supported(path, name, _SUPPORTED)


def _covers(spec: PodSpec, side: Callable[[ResourceRequirements], Mapping[str, str]], path: str, what: str) -> Errors:
    """What the pod states of a resource is enough for its containers together; limits need that for huge pages only."""
    stated = side(spec.resources) if spec.resources is not None else {}
    for name, needed in pod_resources.of_containers(spec, side).items():
        if what == "limits" and not resources.is_huge_page(name):
            continue
        given = stated.get(name)
        if given is not None and needed > pod_resources.nanos(given):
            amount = pod_resources.text(needed, given)
            detail = f"must be greater than or equal to aggregate container {what} of {amount}"
            yield FieldError.invalid(f"{path}[{name}]", given, detail)
