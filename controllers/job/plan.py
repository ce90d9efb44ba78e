"""Which pods of a Job to create, and which to delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.index_sets import IndexSet
from api.types import Job, Pod
from controllers.job.backoff import Backoff, remaining_for
from controllers.job.pods import INDEXED, completion_index, indexes_of, is_terminating, replaces_only_failed
from controllers.job.verdict import Verdict
from controllers.pods import is_active
from controllers.replicaset.plan import BURST
from controllers.replicaset.ranking import to_delete

_FEW_PODS: Final = 50
_BATCH_SECONDS_PER_POD: Final = 0.001
# Upstream's SyncJobBatchPeriod.
_MAX_BATCH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class NewPod:
    """A pod to make. `index`: None unless the Job is Indexed; `replaces`: the failed pod of its index."""

    index: int | None = None
    replaces: Pod | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`forget`: the deleted pods are no failures: they are not to be counted. `retry_seconds`: when to look again."""

    create: Sequence[NewPod] = ()
    delete: Sequence[Pod] = ()
    forget: bool = False
    retry_seconds: float | None = None


@dataclass(slots=True)
class _Wait:
    """The shortest of several delays."""

    seconds: float | None = None

    def at_most(self, seconds: float) -> None:
        self.seconds = seconds if self.seconds is None else min(self.seconds, seconds)


def plan(job: Job, pods: Sequence[Pod], verdict: Verdict, backoff: Backoff, now: float) -> Plan:
    """`pods`: all the Job controls; `backoff`: the whole Job's."""
    active = [pod for pod in pods if is_active(pod)]
    if verdict.ending is not None:
        return Plan(delete=active)
    if job.metadata.deletion_timestamp is not None:
        return Plan()
    if job.spec.suspend:
        return Plan(delete=active, forget=True)
    wanted = _wanted(job, verdict, len(active))
    surplus = _surplus(job, active, max(len(active) - wanted, 0), now)[:BURST]
    if surplus:
        return Plan(delete=surplus, forget=True, retry_seconds=verdict.recheck_seconds)
    leaving = [pod for pod in pods if is_terminating(pod)] if replaces_only_failed(job) else []
    missing = wanted - len(active) - len(leaving)
    if missing <= 0:
        return Plan(retry_seconds=verdict.recheck_seconds)
    return _create(job, min(missing, BURST), active, leaving, verdict, backoff, now)


def batch_seconds(job: Job) -> float:
    """How long to wait after news of a pod for more of it: a look at a Job costs as much as it has pods."""
    pods = job.status.active + job.status.succeeded + job.status.failed
    return 0.0 if pods < _FEW_PODS else min(pods * _BATCH_SECONDS_PER_POD, _MAX_BATCH_SECONDS)


def _wanted(job: Job, verdict: Verdict, active: int) -> int:
    """How many pods should be active."""
    parallelism = job.spec.parallelism or 0
    if job.spec.completions is None:
        # A work queue that has seen a success is running dry: no pod joins it.
        return active if verdict.succeeded else parallelism
    return max(min(job.spec.completions - verdict.succeeded, parallelism), 0)


def _surplus(job: Job, active: Sequence[Pod], count: int, now: float) -> list[Pod]:
    """At least `count` pods; of an Indexed Job also those of no index and all but one of each index."""
    chosen: list[Pod] = []
    kept = list(active)
    if job.spec.completion_mode == INDEXED:
        by_index: dict[int | None, list[Pod]] = {}
        for pod in active:
            index = completion_index(pod)
            valid = index is not None and index < (job.spec.completions or 0)
            by_index.setdefault(index if valid else None, []).append(pod)
        chosen = by_index.pop(None, [])
        kept = []
        for same in by_index.values():
            extra = to_delete(same, same, len(same) - 1, now)
            chosen += extra
            kept += [pod for pod in same if pod not in extra]
    if len(chosen) < count:
        chosen += to_delete(kept, active, count - len(chosen), now)
    return chosen


def _create(
    job: Job,
    count: int,
    active: Sequence[Pod],
    leaving: Sequence[Pod],
    verdict: Verdict,
    backoff: Backoff,
    now: float,
) -> Plan:
    wait = _Wait(verdict.recheck_seconds)
    if verdict.failed_indexes is None:
        held = backoff.remaining(now)
        if held > 0:
            wait.at_most(held)
            return Plan(retry_seconds=wait.seconds)
    if job.spec.completion_mode != INDEXED:
        return Plan(create=[NewPod()] * count, retry_seconds=wait.seconds)
    create = list(_indexed_pods(job, count, [*active, *leaving], verdict, wait, now))
    return Plan(create=create, retry_seconds=wait.seconds)


def _indexed_pods(
    job: Job, count: int, present: Sequence[Pod], verdict: Verdict, wait: _Wait, now: float
) -> Iterator[NewPod]:
    """The first indexes nobody works on; of those that wait for their back-off to pass, none."""
    taken = verdict.succeeded_indexes | IndexSet.of(indexes_of(present))
    if verdict.failed_indexes is not None:
        taken = taken | verdict.failed_indexes
    for place, index in enumerate(taken.missing(job.spec.completions or 0)):
        if place >= count:
            return
        failed = verdict.replaceable.get(index)
        held = 0.0 if failed is None else remaining_for(failed, now)
        if held > 0:
            wait.at_most(held)
        else:
            yield NewPod(index, failed)
