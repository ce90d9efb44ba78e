"""What a delete request does to an object: end it, mark it, or leave it be. Pure.

The rules are upstream's rest.BeforeDelete and the garbage-collection part of its generic store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from api import errors, timestamps
from api.errors import FieldError
from api.scheme import Resource
from api.types import DeleteOptions, ObjectMeta
from apiserver.registry.strategy import Strategy
from apiserver.stored import Stored

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_POLICIES: Final = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`record` is the object's new state; with `gone` it is deleted in that state. None: nothing changes."""

    record: Any | None
    gone: bool


def check_options(options: DeleteOptions) -> None:
    """Raise `Invalid` for contradictory or unknown options (upstream ValidateDeleteOptions)."""
    wrong: list[FieldError] = []
    policy = options.propagation_policy
    if policy is not None and options.orphan_dependents is not None:
        wrong.append(
            FieldError.invalid(
                "propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"
            )
        )
    if policy is not None and policy not in _POLICIES:
        wrong.append(FieldError.not_supported("propagationPolicy", policy, (*_POLICIES, "nil")))
    if any(word != "All" for word in options.dry_run):
        wrong.append(FieldError.not_supported("dryRun", list(options.dry_run), ("All",)))
    if wrong:
        raise errors.Invalid("DeleteOptions.meta.k8s.io", "", wrong)


def warnings(strategy: Strategy, options: DeleteOptions) -> tuple[str, ...]:
    """What a client should hear that left the dependents' fate to the kind's default."""
    said = options.propagation_policy is not None or options.orphan_dependents is not None
    return (strategy.orphan_warning,) if strategy.orphan_warning and not said else ()


def check_preconditions(resource: Resource, stored: Stored, options: DeleteOptions) -> None:
    """Raise `Conflict` when the object is not the one the client means."""
    preconditions = options.preconditions
    if preconditions is None:
        return
    uid, revision = preconditions.uid, preconditions.resource_version
    if uid is not None and uid != stored.uid:
        cause = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({stored.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise errors.Conflict(resource.group_resource, stored.name, cause)
    if revision is not None and revision != str(stored.revision):
        cause = (
            f"the ResourceVersion in the precondition ({revision}) does not match the ResourceVersion "
            f"in record ({stored.revision}). The object might have been modified"
        )
        raise errors.Conflict(resource.group_resource, stored.name, cause)


def plan(strategy: Strategy, record: Any, options: DeleteOptions, now: float) -> Outcome:
    """What deleting `record` at `now` (seconds since the epoch) comes to."""
    metadata: ObjectMeta = record.metadata
    if strategy.graceful and metadata.deletion_timestamp and metadata.deletion_grace_period_seconds:
        return _shorten(record, options.grace_period_seconds)
    finalizers = _finalizers(strategy, metadata, options)
    grace_seconds = 0
    # A mark without time left is what remains when a former delete was interrupted: finish it.
    if strategy.graceful and not metadata.deletion_timestamp:
        grace_seconds = strategy.grace_seconds(record, options.grace_period_seconds)
    marked = strategy.prepare_delete(_mark(record, finalizers, grace_seconds, now))
    if grace_seconds or not strategy.finalized(marked):
        return Outcome(None if marked == record else marked, gone=False)
    return Outcome(marked if strategy.graceful else record, gone=True)


def _mark(record: Any, finalizers: list[str], grace_seconds: int, now: float) -> Any:
    metadata: ObjectMeta = record.metadata
    changes: dict[str, Any] = {}
    if finalizers != metadata.finalizers:
        changes["finalizers"] = finalizers
    if not metadata.deletion_timestamp:
        changes["deletion_timestamp"] = timestamps.now_text(now + grace_seconds)
        changes["deletion_grace_period_seconds"] = grace_seconds
        # The object's behaviour changes with its first mark: its controllers are to notice.
        if metadata.generation:
            changes["generation"] = metadata.generation + 1
    return replace(record, metadata=replace(metadata, **changes)) if changes else record


def _shorten(record: Any, grace_seconds: int | None) -> Outcome:
    """A second request on an object that is terminating gracefully: the time may only become shorter."""
    metadata: ObjectMeta = record.metadata
    current = metadata.deletion_grace_period_seconds or 0
    if grace_seconds is None or grace_seconds >= current:
        return Outcome(None, gone=False)
    seconds = max(grace_seconds, 0)
    began = timestamps.parse(metadata.deletion_timestamp or "") - current
    shortened = replace(
        metadata,
        deletion_timestamp=timestamps.now_text(began + seconds),
        deletion_grace_period_seconds=seconds,
    )
    return Outcome(replace(record, metadata=shortened), gone=seconds == 0 and not metadata.finalizers)


def _finalizers(strategy: Strategy, metadata: ObjectMeta, options: DeleteOptions) -> list[str]:
    """The object's finalizers with those of garbage collection as the propagation policy wants them."""
    if not strategy.collects_garbage:
        return metadata.finalizers
    orphan, foreground = ORPHAN in metadata.finalizers, FOREGROUND in metadata.finalizers
    if options.orphan_dependents is not None:
        orphan, foreground = options.orphan_dependents, False
    elif options.propagation_policy is not None:
        orphan = options.propagation_policy == "Orphan"
        foreground = options.propagation_policy == "Foreground"
    elif strategy.orphans_by_default and not (orphan or foreground):
        orphan = True
    kept = [finalizer for finalizer in metadata.finalizers if finalizer not in (ORPHAN, FOREGROUND)]
    wanted = kept + [ORPHAN] * orphan + [FOREGROUND] * foreground
    return metadata.finalizers if set(wanted) == set(metadata.finalizers) else wanted
