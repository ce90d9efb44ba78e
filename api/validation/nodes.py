"""Nodes."""

from __future__ import annotations

from api.errors import FieldError
from api.types import Node, NodeAddress
from api.validation import resources, scheduling
from api.validation.checks import Errors, cidr, one_per_family

_ONCE = 'node updates may not change {} except from "" to valid'


def create(node: Node) -> Errors:
    yield from scheduling.taints(node.spec.taints, "metadata.taints")
    yield from _amounts(node)
    yield from _pod_cidrs(node)


def update(new: Node, old: Node) -> Errors:
    yield from _amounts(new)
    seen: set[NodeAddress] = set()
    for index, address in enumerate(new.status.addresses):
        if address in seen:
            yield FieldError.duplicate(f"status.addresses[{index}]", address)
        seen.add(address)
    yield from _pod_cidrs(new)
    if old.spec.pod_cidrs and new.spec.pod_cidrs != old.spec.pod_cidrs:
        yield FieldError.forbidden("spec.podCIDRs", _ONCE.format("podCIDR"))
    if old.spec.provider_id and new.spec.provider_id != old.spec.provider_id:
        yield FieldError.forbidden("spec.providerID", _ONCE.format("providerID"))
    yield from scheduling.taints(new.spec.taints, "metadata.taints")
    if new.spec.external_id != old.spec.external_id:
        yield FieldError.forbidden("spec.externalID", "may not be updated")


def _pod_cidrs(node: Node) -> Errors:
    ranges = node.spec.pod_cidrs or [node.spec.pod_cidr] * bool(node.spec.pod_cidr)
    for index, value in enumerate(ranges):
        yield from cidr(value, f"spec.podCIDRs[{index}]")
    if len(ranges) > 1 and not one_per_family(ranges):
        detail = "may specify no more than one CIDR for each IP family"
        yield FieldError.invalid("spec.podCIDRs", ranges, detail)


def _amounts(node: Node) -> Errors:
    yield from resources.quantities(node.status.capacity, "status.capacity")
    yield from resources.quantities(node.status.allocatable, "status.allocatable")
