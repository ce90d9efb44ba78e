"""Revisions in the API server: claimed, created, numbered anew, deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import replace

from api import selectors
from api.errors import AlreadyExists
from api.types import ControllerRevision
from controllers.adoption import settle
from controllers.context import Context, controlled_by, orphans_of
from controllers.ownership import claim, controller_of
from controllers.revisions.history import by_number, decide, surplus
from controllers.revisions.snapshot import new_revision, template_patch


class Ledger:
    """The histories of all owners of one kind. hash_label: the label under which its revisions carry their hash."""

    def __init__(self, context: Context, hash_label: str) -> None:
        self._client = context.client
        self._revisions = context.mirror(ControllerRevision)
        self._hash_label = hash_label

    async def claim(self, owner: Any) -> list[ControllerRevision]:
        """The owner's revisions, oldest first: orphans that its selector matches are adopted, others let go."""
        candidates = [
            revision
            for key in (controlled_by(owner), orphans_of(owner.metadata.namespace))
            for revision in self._revisions.by_index("controller", key)
        ]
        claims = claim(owner, selectors.from_record(owner.spec.selector).matches, candidates)
        return by_number(await settle(self._client, owner, self._revisions, claims))

    async def current(self, owner: Any, revisions: Sequence[ControllerRevision]) -> tuple[ControllerRevision, int]:
        """The revision of the owner's template, and the collisions met so far (its status's and new ones).

        revisions: the owner's, oldest first. Raises StatusError when the API server refuses a write.
        """
        collisions = owner.status.collision_count or 0
        data = template_patch(owner.spec.template)
        decision = decide(revisions, data)
        if decision.revision is None:
            return await self._create(owner, data, decision.number, collisions)
        if decision.revision.revision == decision.number:
            return decision.revision, collisions
        return await self._revisions.update(replace(decision.revision, revision=decision.number)), collisions

    async def truncate(self, revisions: Sequence[ControllerRevision], live: Collection[str], limit: int | None) -> None:
        """Delete what is beyond the limit and not in use."""
        for revision in surplus(revisions, live, limit):
            await self._revisions.delete(revision)

    async def _create(
        self, owner: Any, data: dict[str, Any], number: int, collisions: int
    ) -> tuple[ControllerRevision, int]:
        while True:
            wanted = new_revision(owner, data, number, collisions, self._hash_label)
            try:
                return await self._revisions.create(wanted), collisions
            except AlreadyExists:
                found = await self._client.get(ControllerRevision, wanted.metadata.name, wanted.metadata.namespace)
            holder = controller_of(found)
            if found.data == data and holder is not None and holder.uid == owner.metadata.uid:
                return found, collisions  # made by an earlier attempt whose answer was lost
            collisions += 1
