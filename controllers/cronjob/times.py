"""Which scheduled time of a CronJob is due, and when to look again. Times are seconds since the epoch.

Source: upstream's mostRecentScheduleTime, but that irregular schedules find their last time too.
Only the most recent of several missed times is made up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api import cron, timestamps
from api.types import CronJob

MANY_MISSED: Final = 100
# Looking a moment later than the schedule says spares a look a moment too early.
LATE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Due:
    """`time`: the most recent scheduled time that has come, None when there is none since the last start.
    `missed`: about how many have come since `earliest`."""

    earliest: float
    time: float | None
    missed: int


def due(cron_job: CronJob, schedule: cron.Schedule, now: float, *, within_deadline: bool = True) -> Due:
    """Raises `ValueError` when the schedule never comes round."""
    earliest = timestamps.parse_or(cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp, now)
    deadline = cron_job.spec.starting_deadline_seconds
    if within_deadline and deadline is not None:
        earliest = max(earliest, now - deadline)
    first = schedule.next(earliest)
    second = None if first is None else schedule.next(first)
    if first is None or second is None:
        raise ValueError("the schedule names no time within five years")
    if now < first:
        return Due(earliest, None, 0)
    if now < second:
        return Due(earliest, first, 0)
    interval = second - first
    missed = int((now - first) // interval) + 1
    return Due(earliest, _latest(schedule, first, interval, missed, now), missed)


def _latest(schedule: cron.Schedule, first: float, interval: float, missed: int, now: float) -> float:
    """The last scheduled time up to now, without walking through all since `first`: from near the end, and from
    ever farther back while that lies in a pause of an irregular schedule. Steps are of whole intervals, as "@every"
    counts from the time before."""
    latest, back = None, 2
    while latest is None:
        step = schedule.next(first + (missed - back) * interval) if missed > back else first
        while step is not None and step <= now:
            latest, step = step, schedule.next(step)
        back *= 2
    return latest


def next_look_seconds(cron_job: CronJob, schedule: cron.Schedule, now: float) -> float | None:
    """Until the next scheduled time; None when there is none."""
    try:
        found = due(cron_job, schedule, now, within_deadline=False)
    except ValueError:
        since = now
    else:
        since = found.earliest if found.time is None else found.time
    following = schedule.next(since)
    return None if following is None else max(following - now, 0.0) + LATE_SECONDS
