"""CronJobs (upstream `ValidateCronJobCreate`, `ValidateCronJobUpdate`)."""

from __future__ import annotations

import re
from typing import Final

from api import cron
from api.errors import FieldError
from api.types import CronJob, CronJobSpec
from api.validation import jobs
from api.validation.checks import Errors, non_negative, one_of

# A Job's name is its CronJob's, a dash and ten digits, and at most 63 characters.
_MAX_NAME: Final = 52
_POLICIES: Final = ("Allow", "Forbid", "Replace")
_ZONE_PART: Final = re.compile(r"[A-Za-z0-9._+-]{1,14}")


def cron_job(cron_job: CronJob) -> Errors:
    yield from _spec(cron_job.spec, None, "spec")
    name = cron_job.metadata.name
    if len(name) > _MAX_NAME:
        yield FieldError.invalid("metadata.name", name, f"must be no more than {_MAX_NAME} characters")


def cron_job_update(new: CronJob, old: CronJob) -> Errors:
    yield from _spec(new.spec, old.spec, "spec")


def _spec(spec: CronJobSpec, old: CronJobSpec | None, path: str) -> Errors:
    if not spec.schedule:
        yield FieldError.required(f"{path}.schedule")
    else:
        yield from _schedule(spec, old, f"{path}.schedule")
    yield from non_negative(spec.starting_deadline_seconds, f"{path}.startingDeadlineSeconds")
    if old is None or old.time_zone != spec.time_zone:
        yield from _time_zone(spec.time_zone, f"{path}.timeZone")
    yield from one_of(spec.concurrency_policy, f"{path}.concurrencyPolicy", _POLICIES)
    yield from jobs.spec_of_template(spec.job_template.spec, f"{path}.jobTemplate.spec")
    yield from non_negative(spec.successful_jobs_history_limit, f"{path}.successfulJobsHistoryLimit")
    yield from non_negative(spec.failed_jobs_history_limit, f"{path}.failedJobsHistoryLimit")


def _schedule(spec: CronJobSpec, old: CronJobSpec | None, path: str) -> Errors:
    """A zone within the schedule is only kept where it already was."""
    schedule = spec.schedule
    try:
        cron.parse(schedule)
    except ValueError as error:
        yield FieldError.invalid(path, schedule, str(error))
    if "TZ" not in schedule:
        return
    if old is None or "TZ" not in old.schedule:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield FieldError.invalid(path, schedule, detail)
    elif spec.time_zone is not None:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield FieldError.invalid(path, schedule, detail)


def _time_zone(name: str | None, path: str) -> Errors:
    if name is None:
        return
    if not name:
        yield FieldError.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    if any(not _ZONE_PART.fullmatch(part) for part in name.split("/")) or ".." in name:
        yield FieldError.invalid(path, name, f"unknown time zone {name}")
        return
    if name.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield FieldError.invalid(path, name, detail)
    try:
        cron.time_zone(name)
    except ValueError as error:
        yield FieldError.invalid(path, name, str(error))
