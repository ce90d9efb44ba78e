"""Counting each ended pod exactly once, whatever happens to it or to us meanwhile.

A tracked pod is first written down by uid in `status.uncountedTerminatedPods`, then loses its finalizer, and only
when that is gone moves from the list to the counter. Of Indexed Jobs successes are the indexes themselves.
Source: Kubernetes' KEP-2307, Job tracking without lingering pods.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from api import timestamps
from api.index_sets import IndexSet
from api.types import Job, JobCondition, JobStatus, Pod, UncountedTerminatedPods
from controllers.job.pods import INDEXED, belongs, is_failed, is_terminating, is_tracked, valid_index
from controllers.job.policies import judge_failure
from controllers.job.verdict import (
    COMPLETE,
    FAILED,
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    Ending,
    Verdict,
    counted_indexes,
    is_true,
)
from controllers.pods import is_active, is_ready

# Pods written down at once: keeps the status small and lets other Jobs have their turn.
MOST_UNCOUNTED = 500
SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Account:
    """`status`: to be written before the finalizers of `free` are taken; `complete`: no ended pod was left out."""

    status: JobStatus
    free: Sequence[Pod]
    complete: bool


def started(job: Job, now: float) -> Job:
    """The Job with its start noted, unless it is suspended."""
    status = job.status
    if status.start_time is None and not job.spec.suspend:
        status = replace(status, start_time=timestamps.now_text(now))
    if status.uncounted_terminated_pods is None:
        status = replace(status, uncounted_terminated_pods=UncountedTerminatedPods())
    return job if status is job.status else replace(job, status=status)


def account(job: Job, pods: Sequence[Pod], present: Sequence[Pod], verdict: Verdict, now: float) -> Account:
    """`pods` are those the verdict was about; `present` those there are after it was carried out."""
    status = _with_progress(job, verdict, now)
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    succeeded, failed = list(uncounted.succeeded), list(uncounted.failed)
    seen = {*succeeded, *failed}
    free: list[Pod] = []
    new_indexes: set[int] = set()
    before = counted_indexes(job)
    complete = True
    for pod in pods:
        if not is_tracked(pod) or not _may_go(job, pod, verdict):
            continue
        if len(succeeded) + len(failed) + len(new_indexes) >= MOST_UNCOUNTED:
            complete = False
            break
        free.append(pod)
        uid = pod.metadata.uid
        if uid in seen or not belongs(pod, job):
            continue
        if pod.status.phase == "Succeeded":
            index = valid_index(pod, job)
            if job.spec.completion_mode != INDEXED:
                succeeded.append(uid)
            elif index is not None and index not in before:
                new_indexes.add(index)
        elif _counts_as_failed(job, pod, verdict.ending):
            failed.append(uid)
    status = replace(status, uncounted_terminated_pods=replace(uncounted, succeeded=succeeded, failed=failed))
    if job.spec.completion_mode == INDEXED:
        indexes = before | IndexSet.of(new_indexes)
        lost = verdict.failed_indexes
        status = replace(
            status,
            succeeded=len(indexes),
            completed_indexes=str(indexes),
            failed_indexes=None if lost is None else str(lost),
        )
    return Account(_with_presence(status, present), free, complete)


def counted(status: JobStatus, pods: Sequence[Pod]) -> JobStatus:
    """The status with those that are not tracked any more moved from the lists to the counters."""
    uncounted = status.uncounted_terminated_pods
    if uncounted is None or not (uncounted.succeeded or uncounted.failed):
        return status
    tracked = {pod.metadata.uid for pod in pods if is_tracked(pod)}
    succeeded, failed = _still(uncounted.succeeded, tracked), _still(uncounted.failed, tracked)
    return replace(
        status,
        succeeded=status.succeeded + len(uncounted.succeeded) - len(succeeded),
        failed=status.failed + len(uncounted.failed) - len(failed),
        uncounted_terminated_pods=replace(uncounted, succeeded=succeeded, failed=failed),
    )


def finished(status: JobStatus, ending: Ending, now: float) -> JobStatus:
    """The status with its last condition, once no pod runs and every pod is counted."""
    uncounted = status.uncounted_terminated_pods
    if status.active or status.terminating or (uncounted is not None and (uncounted.succeeded or uncounted.failed)):
        return status
    if status.start_time is None:
        status = replace(status, start_time=timestamps.now_text(now))
    if not ending.succeeded:
        return with_condition(status, FAILED, "True", ending.reason, ending.message, now)
    status = with_condition(status, COMPLETE, "True", ending.reason, ending.message, now)
    return replace(status, completion_time=timestamps.now_text(now))


def with_condition(status: JobStatus, type_: str, state: str, reason: str, message: str, now: float) -> JobStatus:
    """The status saying so; unchanged when it does. What was never true is not called false."""
    current = next((each for each in status.conditions if each.type == type_), None)
    if current is None and state != "True":
        return status
    if current is not None and (current.status, current.reason, current.message) == (state, reason, message):
        return status
    stamp = timestamps.now_text(now)
    new = JobCondition(
        type=type_, status=state, reason=reason, message=message, last_probe_time=stamp, last_transition_time=stamp
    )
    if current is None:
        return replace(status, conditions=[*status.conditions, new])
    return replace(status, conditions=[new if each is current else each for each in status.conditions])


def _with_progress(job: Job, verdict: Verdict, now: float) -> JobStatus:
    """Conditions on the way: that the Job will end, that it is suspended or goes on."""
    status, ending = job.status, verdict.ending
    if ending is not None:
        type_ = SUCCESS_CRITERIA_MET if ending.succeeded else FAILURE_TARGET
        return with_condition(status, type_, "True", ending.reason, ending.message, now)
    if job.metadata.deletion_timestamp is not None:
        return status
    if job.spec.suspend:
        # Without a start no deadline runs (upstream 1.36: MutableSchedulingDirectivesForSuspendedJobs).
        status = replace(status, start_time=None) if status.start_time is not None else status
        return with_condition(status, SUSPENDED, "True", "JobSuspended", "Job suspended", now)
    if is_true(status, SUSPENDED) is None:
        return status
    # A deadline runs from when the Job went on.
    status = replace(status, start_time=timestamps.now_text(now))
    return with_condition(status, SUSPENDED, "False", "JobResumed", "Job resumed", now)


def _with_presence(status: JobStatus, present: Sequence[Pod]) -> JobStatus:
    active = [pod for pod in present if is_active(pod)]
    return replace(
        status,
        active=len(active),
        ready=sum(is_ready(pod) for pod in active),
        terminating=sum(is_terminating(pod) for pod in present),
    )


def _may_go(job: Job, pod: Pod, verdict: Verdict) -> bool:
    """Whether the pod's finalizer has served its purpose."""
    if job.metadata.deletion_timestamp is not None or verdict.ending is not None or pod.status.phase == "Succeeded":
        return True
    if not is_failed(pod, job):
        return False
    index = valid_index(pod, job)
    waiting = None if index is None else verdict.replaceable.get(index)
    return waiting is None or waiting.metadata.uid != pod.metadata.uid


def _counts_as_failed(job: Job, pod: Pod, ending: Ending | None) -> bool:
    """Of a Job that fails whatever still ran has failed too."""
    if not is_failed(pod, job) and (ending is None or ending.succeeded):
        return False
    return judge_failure(job, pod).counts


def _still(uids: Sequence[str], tracked: Collection[str]) -> list[str]:
    return [uid for uid in uids if uid in tracked]
