"""A Job's status: what must hold between its conditions, counters and times, whoever writes it.

Source: upstream's `ValidateJobStatusUpdate`; as there, what a write does not touch is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from api import index_sets, timestamps
from api.errors import FieldError
from api.field_errors import OMITTED
from api.types import Job, JobCondition, JobStatus
from api.validation.checks import Errors, non_negative

_TERMINAL = ("Failed", "Complete", "FailureTarget", "SuccessCriteriaMet")
_CONDITIONS = "status.conditions"


def job_status(new: Job, old: Job) -> Errors:
    yield from _counters(new.status)
    yield from _uncounted(new.status)
    if new.status.conditions != old.status.conditions:
        yield from _conditions(new.status)
    yield from _finished(new.status, old.status)
    yield from _times(new, old)
    yield from _indexes(new, old)
    if (new.status.ready, new.status.active) != (old.status.ready, old.status.active):
        yield from _ready(new.status)
    yield from _transitions(new, old)


def is_true(conditions: list[JobCondition], type_: str) -> bool:
    return any(condition.type == type_ and condition.status == "True" for condition in conditions)


def is_finished(status: JobStatus) -> bool:
    return is_true(status.conditions, "Complete") or is_true(status.conditions, "Failed")


def _counters(status: JobStatus) -> Errors:
    yield from non_negative(status.active, "status.active")
    yield from non_negative(status.succeeded, "status.succeeded")
    yield from non_negative(status.failed, "status.failed")
    yield from non_negative(status.ready, "status.ready")
    yield from non_negative(status.terminating, "status.terminating")


def _uncounted(status: JobStatus) -> Errors:
    if status.uncounted_terminated_pods is None:
        return
    seen: set[str] = set()
    for name in ("succeeded", "failed"):
        for index, uid in enumerate(getattr(status.uncounted_terminated_pods, name)):
            where = f"status.uncountedTerminatedPods.{name}[{index}]"
            if not uid:
                yield FieldError.invalid(where, uid, "must not be empty")
            elif uid in seen:
                yield FieldError.duplicate(where, uid)
            seen.add(uid)


def _conditions(status: JobStatus) -> Errors:
    true = {condition.type for condition in status.conditions if condition.status == "True"}
    for one, other, words in (
        ("Complete", "Failed", "Complete=True and Failed=true"),
        ("Complete", "FailureTarget", "Complete=True and FailureTarget=true"),
        ("Failed", "SuccessCriteriaMet", "Failed=True and SuccessCriteriaMet=true"),
        ("FailureTarget", "SuccessCriteriaMet", "FailureTarget=true and SuccessCriteriaMet=true"),
    ):
        if one in true and other in true:
            yield FieldError.invalid(_CONDITIONS, OMITTED, f"cannot set {words} conditions")
    for end, before in (("Failed", "FailureTarget"), ("Complete", "SuccessCriteriaMet")):
        if end in true and before not in true:
            detail = f"cannot set {end}=True condition without the {before}=true condition"
            yield FieldError.invalid(_CONDITIONS, OMITTED, detail)


def _finished(new: JobStatus, old: JobStatus) -> Errors:
    """Nothing of a finished Job is still under way."""
    if not is_finished(new):
        return
    turned = not is_finished(old)
    if new.active > 0 and (turned or new.active != old.active):
        yield FieldError.invalid("status.active", new.active, "active>0 is invalid for finished job")
    if new.terminating and (turned or new.terminating != old.terminating):
        detail = "terminating>0 is invalid for finished job"
        yield FieldError.invalid("status.terminating", new.terminating, detail)
    if new.start_time is None and (turned or old.start_time is not None):
        yield FieldError.required("status.startTime", "startTime is required for finished job")
    uncounted = new.uncounted_terminated_pods
    if uncounted is None or not (uncounted.failed or uncounted.succeeded):
        return
    if turned or uncounted != old.uncounted_terminated_pods:
        detail = "uncountedTerminatedPods needs to be empty for finished job"
        yield FieldError.invalid("status.uncountedTerminatedPods", uncounted, detail)


def _times(new: Job, old: Job) -> Errors:
    status, before = new.status, old.status
    where = "status.completionTime"
    completed, started = status.completion_time, status.start_time
    complete = is_true(status.conditions, "Complete")
    if (complete, completed) != (is_true(before.conditions, "Complete"), before.completion_time):
        if completed is not None and not complete:
            detail = "cannot set completionTime when there is no Complete=True condition"
            yield FieldError.invalid(where, completed, detail)
        if completed is None and complete:
            yield FieldError.required(where, "completionTime is required for Complete jobs")
    moved = (completed, started) != (before.completion_time, before.start_time)
    if moved and completed and started and timestamps.parse(completed) < timestamps.parse(started):
        yield FieldError.invalid(where, completed, "completionTime cannot be set before startTime")
    if completed is not None and before.completion_time is not None and completed != before.completion_time:
        yield FieldError.invalid(where, completed, "field is immutable")
    # A Job that was suspended starts anew when it is resumed.
    held = new.spec.suspend or is_true(before.conditions, "Suspended")
    if before.start_time is not None and started != before.start_time and not held:
        word = "removed" if started is None else "modified"
        yield FieldError.required("status.startTime", f"startTime cannot be {word} for unsuspended job")


def _indexes(new: Job, old: Job) -> Errors:
    status, spec = new.status, new.spec
    changed = status.completed_indexes != old.status.completed_indexes
    if changed:
        yield from _index_text(status.completed_indexes, spec.completions, "completedIndexes")
        if status.completed_indexes and spec.completion_mode != "Indexed":
            detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
            yield FieldError.invalid("status.completedIndexes", status.completed_indexes, detail)
    if status.failed_indexes != old.status.failed_indexes:
        yield from _index_text(status.failed_indexes or "", spec.completions, "failedIndexes")
        if status.failed_indexes is not None and spec.backoff_limit_per_index is None:
            detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
            yield FieldError.invalid("status.failedIndexes", status.failed_indexes, detail)
        changed = True
    if changed:
        yield from _overlap(status, spec.completions)


def _index_text(text: str, completions: int | None, name: str) -> Errors:
    if completions is None:
        return
    try:
        index_sets.check(text, completions)
    except ValueError as error:
        yield FieldError.invalid(f"status.{name}", text, f"error parsing {name}: {error}")


def _overlap(status: JobStatus, completions: int | None) -> Iterator[FieldError]:
    if not status.failed_indexes or not status.completed_indexes or completions is None:
        return
    try:
        failed = index_sets.IndexSet.read(status.failed_indexes, completions)
        completed = index_sets.IndexSet.read(status.completed_indexes, completions)
    except ValueError:
        return  # told already
    if failed.common(completed):
        both = next(first for first in _members(failed) if first in completed)
        detail = f"failedIndexes and completedIndexes overlap on index: {both}"
        yield FieldError.invalid("status.failedIndexes", status.failed_indexes, detail)


def _members(indexes: index_sets.IndexSet) -> Iterator[int]:
    for first, last in indexes.intervals:
        yield from range(first, last + 1)


def _ready(status: JobStatus) -> Errors:
    if status.ready is not None and status.ready > status.active:
        yield FieldError.invalid("status.ready", status.ready, "cannot set more ready pods than active")


def _transitions(new: Job, old: Job) -> Errors:
    """What has happened cannot be undone."""
    for type_ in _TERMINAL:
        if is_true(old.status.conditions, type_) and not is_true(new.status.conditions, type_):
            detail = f"cannot disable the terminal {type_}=True condition"
            yield FieldError.invalid(_CONDITIONS, OMITTED, detail)
    if new.status.failed < old.status.failed:
        yield FieldError.invalid("status.failed", new.status.failed, "cannot decrease the failed counter")
    # An elastic Job may lose indexes that had completed.
    elastic = new.spec.completion_mode == "Indexed" and new.spec.completions == new.spec.parallelism
    if new.status.succeeded < old.status.succeeded and not elastic:
        detail = "cannot decrease the succeeded counter"
        yield FieldError.invalid("status.succeeded", new.status.succeeded, detail)
