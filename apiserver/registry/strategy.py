"""How one kind differs from the others on its way through the registry. Pure: no I/O, no clock.

`Strategy` itself serves kinds without peculiarities; subclasses stand in `registry/strategies/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from api import validation
from api.errors import FieldError
from api.scheme import Resource
from apiserver.registry.views import View
from apiserver.storage.transactions import Side

NO_SIDES: Sequence[Side] = ()


class Strategy:
    """Flags are class attributes; hooks take records and return records."""

    # Objects disappear after so many seconds; 0: never.
    ttl_seconds: int = 0
    # A completed delete answers the object rather than a Status.
    returns_deleted: bool = False
    # A PUT of an absent object creates it.
    create_on_update: bool = False
    # A PUT without resourceVersion overwrites whatever is there.
    unconditional_update: bool = True
    # metadata.generation counts changes of what is wanted.
    tracks_generation: bool = False
    # Deletion may take a grace period.
    graceful: bool = False
    # Propagation policies leave finalizers for the garbage collector.
    collects_garbage: bool = True
    # Without a propagation policy dependents stay.
    orphans_by_default: bool = False
    # What a client that left it at that is told.
    orphan_warning: str = ""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.has_status = any(subresource.name == "status" for subresource in resource.subresources)

    def views(self) -> dict[str, View]:
        """The sides the object can be written from, by subresource ("" is the object itself)."""
        views = {"": View(self.prepare_update, self.validate_update)}
        if self.has_status:
            views["status"] = View(self.prepare_status, self.validate_status)
        return views

    def prepare_create(self, record: Any) -> Any:
        """Drop what clients may not set, fill in what the system sets."""
        changes: dict[str, Any] = {}
        if self.has_status:
            changes["status"] = type(record.status)()
        if self.tracks_generation:
            changes["metadata"] = replace(record.metadata, generation=1)
        return replace(record, **changes) if changes else record

    def prepare_update(self, new: Any, old: Any) -> Any:
        """The new state of the object itself: its status is kept."""
        if self.has_status and new.status != old.status:
            new = replace(new, status=old.status)
        return self.count_generation(new, old)

    def prepare_status(self, new: Any, old: Any) -> Any:
        """The new state after an update of the status: all else is kept, but for metadata upstream lets through."""
        metadata = replace(new.metadata, labels=old.metadata.labels, owner_references=old.metadata.owner_references)
        return replace(new, spec=old.spec, metadata=metadata)

    def prepare_delete(self, marked: Any) -> Any:
        """The object once it is marked for deletion."""
        return marked

    def validate_create(self, record: Any) -> list[FieldError]:
        return validation.create(record)

    def validate_update(self, new: Any, old: Any) -> list[FieldError]:
        return validation.update(new, old)

    def validate_status(self, new: Any, old: Any) -> list[FieldError]:
        return validation.update_status(new, old)

    def allocate(self, new: Any, old: Any | None) -> tuple[Any, Sequence[Side]]:
        """Claim what the object needs for itself alone, as further keys of its transaction. Raises `Invalid`."""
        return new, NO_SIDES

    def release(self, record: Any) -> Sequence[Side]:
        """Give back what `allocate` claimed, when the object goes."""
        return NO_SIDES

    def grace_seconds(self, record: Any, requested: int | None) -> int:
        """How long termination takes; only asked when `graceful`."""
        return 0

    def finalized(self, record: Any) -> bool:
        """Whether nothing holds a marked object back any more."""
        return not record.metadata.finalizers

    def wanted(self, record: Any) -> Any:
        """What `generation` counts the changes of."""
        return record.spec

    def count_generation(self, new: Any, old: Any) -> Any:
        if not self.tracks_generation or self.wanted(new) == self.wanted(old):
            return new
        return replace(new, metadata=replace(new.metadata, generation=old.metadata.generation + 1))
