"""Carrying out claims: asking the API server to change controller references."""

from __future__ import annotations

from typing import Any, TypeVar

from api.errors import Conflict, Invalid, NotFound
from api.types.record import Record
from cluster.client import Client, PatchKind
from controllers.mirror import Mirror
from controllers.ownership import Claims, adoption_patch, release_patch

T = TypeVar("T", bound=Record)


async def settle(
    client: Client, owner: Any, dependents: Mirror[T], claims: Claims[T], *, finalizer: str = ""
) -> list[T]:
    """Adopt and release as claimed; returns everything the owner now controls.

    Adoption is preceded by one read of the owner itself, not of our copy: an owner that was deleted and made anew
    under the same name must not inherit. What is adopted gets the finalizer, what is released loses it.
    Raises StatusError when the API server refuses an adoption.
    """
    for dependent in claims.release:
        await _release(owner, dependents, dependent, finalizer)
    if not claims.adopt or not await _may_adopt(client, owner):
        return claims.owned
    adopted = [await _adopt(owner, dependents, dependent, finalizer) for dependent in claims.adopt]
    return claims.owned + [dependent for dependent in adopted if dependent is not None]


async def _may_adopt(client: Client, owner: Any) -> bool:
    try:
        fresh: Any = await client.get(type(owner), owner.metadata.name, owner.metadata.namespace)
    except NotFound:
        return False
    return fresh.metadata.uid == owner.metadata.uid and fresh.metadata.deletion_timestamp is None


async def _adopt(owner: Any, dependents: Mirror[T], dependent: T, finalizer: str) -> T | None:
    try:
        return await dependents.patch(dependent, adoption_patch(owner, finalizer), kind=PatchKind.STRATEGIC)
    except NotFound:
        return None


async def _release(owner: Any, dependents: Mirror[T], dependent: T, finalizer: str) -> None:
    try:
        await dependents.patch(dependent, release_patch(owner, finalizer), kind=PatchKind.STRATEGIC)
    except (NotFound, Invalid, Conflict):
        return  # gone, or already without us, or another object by now
