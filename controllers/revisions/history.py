"""Which revision is the current one, and which may go. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from api.types import ControllerRevision


@dataclass(frozen=True, slots=True)
class Decision:
    """revision: one that holds the wanted data already, if any does; number: what it, or the new one, is to have."""

    revision: ControllerRevision | None
    number: int


def by_number(revisions: Iterable[ControllerRevision]) -> list[ControllerRevision]:
    """Oldest first."""
    return sorted(
        revisions, key=lambda each: (each.revision, each.metadata.creation_timestamp or "", each.metadata.name)
    )


def decide(revisions: Sequence[ControllerRevision], data: dict[str, Any]) -> Decision:
    """What to do about `data`; revisions: oldest first.

    Data seen before makes its revision the newest again: a rollback adds no revision.
    """
    next_number = revisions[-1].revision + 1 if revisions else 1
    same = next((each for each in reversed(revisions) if each.data == data), None)
    if same is None:
        return Decision(None, next_number)
    return Decision(same, same.revision if same is revisions[-1] else next_number)


def surplus(
    revisions: Sequence[ControllerRevision], live: Collection[str], limit: int | None
) -> list[ControllerRevision]:
    """Those to delete, oldest first. live: names of those in use, which do not count. A negative limit keeps all."""
    if limit is None or limit < 0:
        return []
    unused = [each for each in revisions if each.metadata.name not in live]
    return unused[: max(0, len(unused) - limit)]
