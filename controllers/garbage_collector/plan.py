"""What to do about one object, given the state of its owners. Pure.

Source: upstream's garbage collector (attemptToDeleteItem, processDeletingDependentsItem).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from api.types import ObjectMeta
from controllers.garbage_collector.graph import FOREGROUND, ORPHAN


class OwnerState(Enum):
    """SOLID: exists, keeps its dependents. FOREGROUND: waits for them to be deleted. ABSENT: does not exist."""

    SOLID = "solid"
    FOREGROUND = "foreground"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class DropReferences:
    """Take owners off that no longer count; another owner keeps the object."""

    uids: list[str]


@dataclass(frozen=True, slots=True)
class Unblock:
    """Stop holding up the owners' deletion, then delete in the foreground: a circle of waiting must be broken."""

    uids: list[str]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object. propagation: as DeleteOptions' propagationPolicy."""

    propagation: str


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """The object's dependents are gone: nothing holds it."""

    finalizer: str


@dataclass(frozen=True, slots=True)
class CollectDependents:
    """The object waits; these of its dependents have to go."""

    uids: list[str] = field(default_factory=list)


Action = Keep | DropReferences | Unblock | Delete


def for_item(metadata: ObjectMeta, owners: Mapping[str, OwnerState], waiting_dependents: bool) -> Action:
    """What becomes of an object that is not being deleted.

    owners: the state of each owner, by uid. waiting_dependents: one of its own dependents waits for dependents too.
    """
    absent = [uid for uid, state in owners.items() if state is OwnerState.ABSENT]
    foreground = [uid for uid, state in owners.items() if state is OwnerState.FOREGROUND]
    if not owners or not (absent or foreground):
        return Keep()
    if len(absent) + len(foreground) < len(owners):
        return DropReferences([*absent, *foreground])
    if foreground and waiting_dependents:
        return Unblock(foreground)
    if foreground:
        return Delete("Foreground")
    return Delete(_wished_propagation(metadata))


def for_waiting(blocking: Sequence[tuple[str, bool]]) -> RemoveFinalizer | CollectDependents:
    """What becomes of an object deleted in the foreground. blocking: uid of each blocking dependent, and whether it
    waits for dependents itself."""
    if not blocking:
        return RemoveFinalizer(FOREGROUND)
    return CollectDependents([uid for uid, waits in blocking if not waits])


def _wished_propagation(metadata: ObjectMeta) -> str:
    """Finalizers set beforehand say how the object is to be deleted."""
    if ORPHAN in metadata.finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in metadata.finalizers else "Background"
