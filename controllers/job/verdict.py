"""How a Job stands: what its pods add up to, and whether and why it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api import timestamps
from api.index_sets import IndexSet
from api.types import Job, JobCondition, JobStatus, Pod
from controllers.job.pods import (
    INDEXED,
    belongs,
    failures,
    finished_at,
    ignored_failures,
    indexes_of,
    is_failed,
    is_tracked,
    valid_index,
)
from controllers.job.policies import FAIL_INDEX, judge_failure, met_success_rule
from controllers.pods import is_active

COMPLETE, FAILED = "Complete", "Failed"
FAILURE_TARGET, SUCCESS_CRITERIA_MET = "FailureTarget", "SuccessCriteriaMet"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a Job ends; `succeeded` tells success from failure."""

    succeeded: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`succeeded` and `failed` count pods; of an Indexed Job `succeeded` counts indexes.

    `new_succeeded`, `new_failed`: ended pods that are in no count yet. `failed_indexes`: None without
    `backoffLimitPerIndex`; then `replaceable` has the failed pod of each index that waits for its next one.
    `recheck_seconds`: when the deadline will have passed.
    """

    ending: Ending | None
    succeeded: int
    failed: int
    new_succeeded: Sequence[Pod]
    new_failed: Sequence[Pod]
    succeeded_indexes: IndexSet = field(default_factory=IndexSet)
    failed_indexes: IndexSet | None = None
    replaceable: Mapping[int, Pod] = field(default_factory=dict)
    recheck_seconds: float | None = None


def is_true(status: JobStatus, type_: str) -> JobCondition | None:
    """The condition, if the status says it is true."""
    return next((each for each in status.conditions if each.type == type_ and each.status == "True"), None)


def is_finished(job: Job) -> bool:
    return is_true(job.status, COMPLETE) is not None or is_true(job.status, FAILED) is not None


def judge(job: Job, pods: Sequence[Pod], now: float) -> Verdict:
    """`pods`: all the Job controls. `job.status.start_time` is set unless the Job is suspended."""
    new_succeeded, new_failed = _new_ended(job, pods)
    succeeded = job.status.succeeded + len(new_succeeded)
    failed = job.status.failed + sum(judge_failure(job, pod).counts for pod in new_failed)
    uncounted = job.status.uncounted_terminated_pods
    if uncounted is not None:
        succeeded += len(uncounted.succeeded)
        failed += len(uncounted.failed)
    ending = _decided(job) or _failed_by_policy(job, pods)
    ending = ending or _exceeded(job, pods, failed, now)
    indexes, lost, replaceable = IndexSet(), None, {}
    if job.spec.completion_mode == INDEXED:
        indexes = succeeded_indexes(job, pods)
        succeeded = len(indexes)
        if job.spec.backoff_limit_per_index is not None:
            lost = _failed_indexes(job, pods)
            replaceable = _replaceable(job, pods, indexes, lost)
        ending = ending or _ended_by_indexes(job, indexes, lost)
    ending = ending or _completed(job, pods, succeeded)
    return Verdict(
        ending=ending,
        succeeded=succeeded,
        failed=failed,
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        succeeded_indexes=indexes,
        failed_indexes=lost,
        replaceable=replaceable,
        recheck_seconds=None if ending else _seconds_to_deadline(job, now),
    )


def counted_indexes(job: Job) -> IndexSet:
    """The indexes the status says have succeeded; fewer when the Job has been made smaller."""
    return _read(job.status.completed_indexes, job)


def succeeded_indexes(job: Job, pods: Sequence[Pod]) -> IndexSet:
    new = {valid_index(pod, job) for pod in pods if pod.status.phase == "Succeeded" and is_tracked(pod)}
    return counted_indexes(job) | IndexSet.of(index for index in new if index is not None)


def _read(text: str, job: Job) -> IndexSet:
    try:
        return IndexSet.read(text, job.spec.completions or 0)
    except ValueError:
        return IndexSet()  # somebody else's writing: counted anew


def _new_ended(job: Job, pods: Sequence[Pod]) -> tuple[list[Pod], list[Pod]]:
    uncounted = job.status.uncounted_terminated_pods
    seen = set() if uncounted is None else {*uncounted.succeeded, *uncounted.failed}
    fresh = [pod for pod in pods if is_tracked(pod) and pod.metadata.uid not in seen and belongs(pod, job)]
    succeeded = [pod for pod in fresh if pod.status.phase == "Succeeded"]
    return succeeded, [pod for pod in fresh if is_failed(pod, job)]


def _decided(job: Job) -> Ending | None:
    """What an earlier look decided stands."""
    for type_, success in ((SUCCESS_CRITERIA_MET, True), (FAILURE_TARGET, False)):
        condition = is_true(job.status, type_)
        if condition is not None:
            return Ending(success, condition.reason, condition.message)
    return None


def _failed_by_policy(job: Job, pods: Sequence[Pod]) -> Ending | None:
    if job.spec.pod_failure_policy is None:
        return None
    for pod in pods:
        if is_failed(pod, job) and (message := judge_failure(job, pod).message):
            return Ending(False, "PodFailurePolicy", message)
    return None


def _exceeded(job: Job, pods: Sequence[Pod], failed: int, now: float) -> Ending | None:
    limit = job.spec.backoff_limit
    if limit is not None and (failed > limit or _restarted_too_often(job, pods, limit)):
        return Ending(False, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    left = _seconds_to_deadline(job, now)
    if left is not None and left <= 0:
        return Ending(False, "DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _restarted_too_often(job: Job, pods: Sequence[Pod], limit: int) -> bool:
    """Containers that restart in place use up the limit too."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return restarts > 0 if limit == 0 else restarts >= limit


def _seconds_to_deadline(job: Job, now: float) -> float | None:
    deadline, start = job.spec.active_deadline_seconds, job.status.start_time
    if deadline is None or start is None or job.spec.suspend:
        return None
    return timestamps.parse(start) + deadline - now


def _failed_indexes(job: Job, pods: Sequence[Pod]) -> IndexSet:
    before = _read(job.status.failed_indexes or "", job)
    new = {valid_index(pod, job) for pod in pods if is_tracked(pod) and _fails_index(job, pod)}
    return before | IndexSet.of(index for index in new if index is not None)


def _fails_index(job: Job, pod: Pod) -> bool:
    if not is_failed(pod, job):
        return False
    judged = judge_failure(job, pod)
    if judged.action == FAIL_INDEX:
        return True
    return judged.counts and failures(pod) >= (job.spec.backoff_limit_per_index or 0)


def _replaceable(job: Job, pods: Sequence[Pod], succeeded: IndexSet, failed: IndexSet) -> dict[int, Pod]:
    """The last failed pod of each index that is to be tried again: it stays tracked, for its successor's sake."""
    active = indexes_of(pod for pod in pods if is_active(pod))
    found: dict[int, Pod] = {}
    for pod in pods:
        index = valid_index(pod, job)
        if index is None or not is_tracked(pod) or not is_failed(pod, job):
            continue
        if index in succeeded or index in failed or index in active:
            continue
        last = found.get(index)
        if last is None or _tries(last) <= _tries(pod):
            found[index] = pod
    return found


def _tries(pod: Pod) -> tuple[int, float]:
    return failures(pod) + ignored_failures(pod), finished_at(pod) or 0.0


def _ended_by_indexes(job: Job, succeeded: IndexSet, failed: IndexSet | None) -> Ending | None:
    completions = job.spec.completions or 0
    if failed is not None:
        limit = job.spec.max_failed_indexes
        if limit is not None and len(failed) > limit:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return Ending(False, "MaxFailedIndexesExceeded", message)
        if len(failed) and len(failed) + len(succeeded) >= completions:
            return Ending(False, "FailedIndexes", "Job has failed indexes")
    rule = met_success_rule(job.spec.success_policy, completions, succeeded)
    return None if rule is None else Ending(True, "SuccessPolicy", f"Matched rules at index {rule}")


def _completed(job: Job, pods: Sequence[Pod], succeeded: int) -> Ending | None:
    """A work queue (no number of completions) ends when its pods do, once one has succeeded."""
    wanted = job.spec.completions
    enough = succeeded > 0 if wanted is None else succeeded >= wanted
    if not enough or job.metadata.deletion_timestamp is not None or any(is_active(pod) for pod in pods):
        return None
    return Ending(True, "CompletionsReached", "Reached expected number of succeeded pods")
