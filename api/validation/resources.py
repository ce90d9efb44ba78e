"""Resource names, quantities, requests and limits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from api import names, quantity
from api.errors import FieldError
from api.types import ResourceClaim, ResourceRequirements
from api.validation.checks import Errors, well_formed

_HUGE_PAGES = "hugepages-"
_CONTAINER_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED = frozenset(
    {"pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"}
    | {"persistentvolumeclaims", "services.nodeports", "services.loadbalancers"}
)
_STANDARD = (
    _CONTAINER_RESOURCES
    | _COUNTED
    | {f"{side}.{name}" for side in ("requests", "limits") for name in _CONTAINER_RESOURCES}
    | {"storage", "requests.storage"}
)


def is_huge_page(name: str) -> bool:
    return name.startswith(_HUGE_PAGES)


def is_native(name: str) -> bool:
    """Named by Kubernetes itself, not by a device's vendor."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Counted by a device plug-in: "vendor.example/device"."""
    return not is_native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def container_resource_name(name: str, path: str) -> Errors:
    """The name of a resource that containers can have."""
    yield from resource_name(name, path)
    if "/" not in name:
        if name not in _CONTAINER_RESOURCES and not is_huge_page(name):
            yield FieldError.invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield FieldError.invalid(path, name, "doesn't follow extended resource name standard")


def requirements(
    resources: ResourceRequirements,
    claim_names: Collection[str],
    path: str,
    name_check: Callable[[str, str], Errors] = container_resource_name,
) -> Errors:
    """Requests, limits and claims of a container, or with another check of names of a pod as a whole."""
    for name, amount in resources.limits.items():
        yield from name_check(name, f"{path}.limits[{name}]")
        yield from resource_quantity(name, amount, f"{path}.limits[{name}]")
        yield from _huge_page_quantity(name, amount, f"{path}.limits[{name}]")
    for name, amount in resources.requests.items():
        yield from name_check(name, f"{path}.requests[{name}]")
        yield from resource_quantity(name, amount, f"{path}.requests[{name}]")
        yield from _within_limit(name, amount, resources.limits, path)
        yield from _huge_page_quantity(name, amount, f"{path}.requests[{name}]")
    mentioned = {*resources.limits, *resources.requests}
    if any(is_huge_page(name) for name in mentioned) and not mentioned & {"cpu", "memory"}:
        yield FieldError.forbidden(path, "HugePages require cpu or memory")
    yield from _claims(resources.claims, claim_names, f"{path}.claims")


def quantities(amounts: Mapping[str, str], path: str) -> Errors:
    """A node's capacity or allocatable: each must be a plausible amount of its resource."""
    for name, amount in amounts.items():
        yield from resource_quantity(name, amount, f"{path}.{name}")


def resource_quantity(name: str, amount: str, path: str) -> Errors:
    value = quantity.parse(amount)
    if value < 0:
        yield FieldError.invalid(path, amount, "must be greater than or equal to 0")
    if (name in _COUNTED or is_extended(name)) and value.denominator != 1:
        yield FieldError.invalid(path, amount, "must be an integer")


def overhead(amounts: Mapping[str, str], path: str) -> Errors:
    yield from requirements(ResourceRequirements(limits=dict(amounts)), (), path)


def is_quota_resource(name: str) -> bool:
    """Counted by quotas under a name of Kubernetes' own."""
    return (name in _STANDARD and name != "storage") or is_huge_page(name.removeprefix("requests."))


def overcommits(name: str) -> bool:
    """Whether limits may be above requests."""
    return is_native(name) and not is_huge_page(name)


def resource_name(name: str, path: str) -> Errors:
    """The name of any resource."""
    yield from well_formed(name, path, names.qualified_name)
    standard = "/" in name or name in _STANDARD or is_huge_page(name.removeprefix("requests."))
    if not standard and not names.qualified_name(name):
        yield FieldError.invalid(path, name, "must be a standard resource type or fully qualified")


def _within_limit(name: str, amount: str, limits: Mapping[str, str], path: str) -> Errors:
    """Requests never exceed limits; what cannot be overcommitted is requested exactly up to its limit."""
    limit = limits.get(name)
    if limit is None:
        if not overcommits(name):
            yield FieldError.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    wanted, allowed = quantity.parse(amount), quantity.parse(limit)
    if wanted != allowed and not overcommits(name):
        yield FieldError.invalid(f"{path}.requests", amount, f"must be equal to {name} limit of {limit}")
    elif wanted > allowed:
        yield FieldError.invalid(f"{path}.requests", amount, f"must be less than or equal to {name} limit of {limit}")


def _huge_page_quantity(name: str, amount: str, path: str) -> Errors:
    if not is_huge_page(name):
        return
    try:
        size = quantity.parse(name.removeprefix(_HUGE_PAGES))
    except quantity.QuantityError:
        size = quantity.parse("0")
    if not size or (quantity.parse(amount) / size).denominator != 1:
        yield FieldError.invalid(path, amount, f"{amount} is not positive integer multiple of {name}")


def _claims(claims: Sequence[ResourceClaim], pod_claims: Collection[str], path: str) -> Errors:
    seen: dict[str, set[str]] = {}
    for index, claim in enumerate(claims):
        where = f"{path}[{index}]"
        if not claim.name:
            yield FieldError.required(where)
            continue
        if claim.request:
            yield from well_formed(claim.request, f"{where}.request", names.dns1123_label)
        requests = seen.setdefault(claim.name, set())
        if requests & {"", claim.request}:
            yield FieldError.duplicate(where, claim.name)
        requests.add(claim.request)
        if claim.name not in pod_claims:
            listed = f": {', '.join(sorted(pod_claims))}" if pod_claims else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{listed}"
            yield FieldError("FieldValueNotFound", where, claim.name, detail)
