"""What to do about a CronJob: bring its list of active Jobs up to date, start one, delete old ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from api import cron, timestamps
from api.types import CronJob, CronJobStatus, Job, ObjectMeta, ObjectReference
from cluster.events import NORMAL, WARNING
from controllers.cronjob.times import MANY_MISSED, due, next_look_seconds
from controllers.job.verdict import COMPLETE, FAILED, is_true
from controllers.ownership import controller_reference

SCHEDULED_ANNOTATION: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


@dataclass(frozen=True, slots=True)
class Saying:
    """An event to record."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Start:
    """A Job to create, for a time (seconds since the epoch), once `replaces` are deleted."""

    job: Job
    time: float
    replaces: Sequence[ObjectReference] = ()


@dataclass(slots=True)
class Plan:
    """`look_again_seconds`: None when only a change of the object can make a difference."""

    sayings: list[Saying] = field(default_factory=list)
    start: Start | None = None
    look_again_seconds: float | None = None

    def warn(self, reason: str, message: str) -> None:
        self.sayings.append(Saying(WARNING, reason, message))


def plan(cron_job: CronJob, now: float) -> Plan:
    """Whether a Job is to be started. `cron_job.status` is up to date."""
    decided = Plan()
    spec = cron_job.spec
    if cron_job.metadata.deletion_timestamp is not None or spec.suspend:
        return decided
    schedule = _schedule(cron_job, decided)
    if schedule is None:
        return decided
    try:
        found = due(cron_job, schedule, now)
    except ValueError as error:
        decided.warn("InvalidSchedule", f"invalid schedule: {spec.schedule} : {error}")
        return decided
    if found.missed > MANY_MISSED:
        message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        decided.warn("TooManyMissedTimes", message)
    decided.look_again_seconds = next_look_seconds(cron_job, schedule, now)
    if found.time is not None:
        _consider(cron_job, found.time, now, decided)
    return decided


def started(cron_job: CronJob, job: Job, time: float) -> CronJobStatus:
    """The status once a Job was created for a time."""
    reference = ObjectReference(
        api_version="batch/v1",
        kind="Job",
        namespace=job.metadata.namespace,
        name=job.metadata.name,
        uid=job.metadata.uid,
        resource_version=job.metadata.resource_version,
    )
    status = cron_job.status
    return replace(status, active=[*status.active, reference], last_schedule_time=timestamps.now_text(time))


def observed(cron_job: CronJob, jobs: Iterable[Job], missing: Mapping[str, Any]) -> tuple[CronJobStatus, list[Saying]]:
    """The status after a look at the Jobs. `missing`: uids of listed Jobs the API server does not know."""
    status, sayings = cron_job.status, []
    active = {reference.uid: reference for reference in status.active}
    last_success = status.last_successful_time
    for job in jobs:
        uid = job.metadata.uid
        end = is_true(job.status, COMPLETE) or is_true(job.status, FAILED)
        if uid in active and end is not None:
            del active[uid]
            message = f"Saw completed job: {job.metadata.name}, condition: {end.type}"
            sayings.append(Saying(NORMAL, "SawCompletedJob", message))
        elif uid not in active and end is None:
            message = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
            sayings.append(Saying(WARNING, "UnexpectedJob", message))
        if end is not None and end.type == COMPLETE:
            last_success = _later(last_success, job.status.completion_time)
    for uid in missing:
        reference = active.pop(uid, None)
        if reference is not None:
            sayings.append(Saying(NORMAL, "MissingJob", f"Active job went missing: {reference.name}"))
    kept = [reference for reference in status.active if reference.uid in active]
    return replace(status, active=kept, last_successful_time=last_success), sayings


def outdated(cron_job: CronJob, jobs: Iterable[Job]) -> list[Job]:
    """Finished Jobs beyond the limits of history, the oldest first."""
    succeeded, failed = [], []
    for job in jobs:
        if is_true(job.status, COMPLETE) is not None:
            succeeded.append(job)
        elif is_true(job.status, FAILED) is not None:
            failed.append(job)
    spec = cron_job.spec
    return [
        *_oldest(succeeded, spec.successful_jobs_history_limit),
        *_oldest(failed, spec.failed_jobs_history_limit),
    ]


def job_name(cron_job: CronJob, time: float) -> str:
    """The same for every attempt at one scheduled time: no time is started twice."""
    return f"{cron_job.metadata.name}-{int(time) // 60}"


def make_job(cron_job: CronJob, time: float) -> Job:
    """The Job of a scheduled time."""
    template = cron_job.spec.job_template
    zone = cron.time_zone(cron_job.spec.time_zone or "")
    stamp = datetime.fromtimestamp(int(time), zone).isoformat().replace("+00:00", "Z")
    return Job(
        metadata=ObjectMeta(
            name=job_name(cron_job, time),
            namespace=cron_job.metadata.namespace,
            labels=template.metadata.labels,
            annotations={**template.metadata.annotations, SCHEDULED_ANNOTATION: stamp},
            owner_references=[controller_reference(cron_job)],
        ),
        spec=template.spec,
    )


def schedule_of(cron_job: CronJob) -> cron.Schedule:
    """In the CronJob's time zone. Raises `ValueError`."""
    return cron.parse(cron_job.spec.schedule, cron.time_zone(cron_job.spec.time_zone or ""))


def _schedule(cron_job: CronJob, decided: Plan) -> cron.Schedule | None:
    spec = cron_job.spec
    try:
        cron.time_zone(spec.time_zone or "")
    except ValueError as error:
        decided.warn("UnknownTimeZone", f'invalid timeZone: "{spec.time_zone}": {error}')
        return None
    try:
        return schedule_of(cron_job)
    except ValueError as error:
        decided.warn("UnparseableSchedule", f'unparseable schedule: "{spec.schedule}" : {error}')
        return None


def _consider(cron_job: CronJob, time: float, now: float, decided: Plan) -> None:
    """Start the Job of a time that has come, unless something speaks against it."""
    spec, status = cron_job.spec, cron_job.status
    deadline = spec.starting_deadline_seconds
    if deadline is not None and time + deadline < now:
        moment = datetime.fromtimestamp(int(time), UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
        decided.warn("MissSchedule", f"Missed scheduled time to start a job: {moment}")
        return
    name = job_name(cron_job, time)
    if status.last_schedule_time == timestamps.now_text(time) or any(each.name == name for each in status.active):
        return
    if status.active and spec.concurrency_policy == "Forbid":
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        decided.sayings.append(Saying(NORMAL, "JobAlreadyActive", message))
        return
    replaces = status.active if spec.concurrency_policy == "Replace" else ()
    decided.start = Start(make_job(cron_job, time), time, replaces)


def _later(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=timestamps.parse)


def _oldest(jobs: list[Job], limit: int | None) -> list[Job]:
    """Those beyond the limit; without a limit none."""
    if limit is None or len(jobs) <= limit:
        return []
    return sorted(jobs, key=_age)[: len(jobs) - limit]


def _age(job: Job) -> tuple[bool, str, str]:
    start = job.status.start_time
    return start is None, start or "", job.metadata.name
