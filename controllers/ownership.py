"""Who controls what: controller references, adoption of orphans, release of those that no longer match.

Source: Kubernetes' documentation, Owners and Dependents; upstream's controller reference manager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from api import scheme
from api.types import OwnerReference

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claims(Generic[T]):
    """owned: those it controls and keeps; adopt: orphans it should take; release: those it should let go."""

    owned: list[T]
    adopt: list[T]
    release: list[T]


def controller_of(object: Any) -> OwnerReference | None:
    """The owner that manages the object."""
    for reference in object.metadata.owner_references:
        if reference.controller:
            return reference  # type: ignore[no-any-return]
    return None


def controller_reference(owner: Any) -> OwnerReference:
    """The reference that makes `owner` the controller of what carries it."""
    resource = scheme.of(owner)
    return OwnerReference(
        api_version=resource.api_version,
        kind=resource.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def claim(owner: Any, selects: Callable[[Mapping[str, str]], bool], candidates: Iterable[T]) -> Claims[T]:
    """Sort out whom an owner controls, should adopt and should release; one that is being deleted adopts nothing."""
    claims: Claims[T] = Claims([], [], [])
    deleting = owner.metadata.deletion_timestamp is not None
    for candidate in candidates:
        metadata = candidate.metadata  # type: ignore[attr-defined]
        controller = controller_of(candidate)
        matches = selects(metadata.labels)
        if controller is not None:
            if controller.uid != owner.metadata.uid:
                continue
            if matches:
                claims.owned.append(candidate)
            elif not deleting:
                claims.release.append(candidate)
        elif matches and not deleting and metadata.deletion_timestamp is None:
            claims.adopt.append(candidate)
    return claims


def adoption_patch(owner: Any, finalizer: str = "") -> dict[str, Any]:
    """The strategic merge patch that makes `owner` the dependent's controller."""
    reference = controller_reference(owner)
    tree = {
        "apiVersion": reference.api_version,
        "kind": reference.kind,
        "name": reference.name,
        "uid": reference.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {"metadata": {"ownerReferences": [tree], **({"finalizers": [finalizer]} if finalizer else {})}}


def release_patch(owner: Any, finalizer: str = "") -> dict[str, Any]:
    """The strategic merge patch that takes `owner`'s reference off the dependent."""
    metadata: dict[str, Any] = {"ownerReferences": [{"$patch": "delete", "uid": owner.metadata.uid}]}
    if finalizer:
        metadata["$deleteFromPrimitiveList/finalizers"] = [finalizer]
    return {"metadata": metadata}
