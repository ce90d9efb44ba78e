"""CronJobs: which time is due, what is started, what is said; finished Jobs' time to live."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from api import cron, timestamps
from controllers.cronjob.plan import job_name, make_job, observed, outdated, plan, started
from controllers.cronjob.times import due, next_look_seconds
from controllers.ttl_after_finished import seconds_left
from tests.support.jobs import cron_job, job

# 2023-11-14 22:13:20; the schedule of `cron_job` is every ten minutes, its age 13 minutes and 20 seconds.
NOW = 1_700_000_000.0
TEN_PAST = "2023-11-14T22:10:00Z"


def reasons(decided):
    return [saying.reason for saying in decided.sayings]


def due_time(subject, now=NOW):
    found = due(subject, cron.parse(subject.spec.schedule), now)
    return None if found.time is None else timestamps.now_text(found.time)


def child(name, uid, *conditions, completed=None, start=None):
    shown = [{"type": type_, "status": "True", "lastTransitionTime": TEN_PAST} for type_ in conditions]
    status = {"conditions": shown, "completionTime": completed, "startTime": start}
    made = job(name, status=status)
    return replace(made, metadata=replace(made.metadata, uid=uid))


def active(*names):
    return {"active": [{"kind": "Job", "namespace": "default", "name": name, "uid": f"uid-{name}"} for name in names]}


# Times


def test_only_the_most_recent_of_the_missed_times_is_due():
    assert due_time(cron_job()) == TEN_PAST
    assert due_time(cron_job(created="2023-11-14T12:00:00Z")) == TEN_PAST
    assert due_time(cron_job(created="2023-11-14T22:11:00Z")) is None
    assert due_time(cron_job(status={"lastScheduleTime": TEN_PAST})) is None


def test_irregular_schedules_find_their_last_time_too():
    subject = cron_job(created="2023-11-01T00:00:00Z", schedule="30 6-16/4 * * 1-5")
    assert due_time(subject) == "2023-11-14T14:30:00Z"


def test_long_pauses_are_not_walked_through_step_by_step():
    found = due(cron_job(created="1990-01-01T00:00:00Z", schedule="* * * * *"), cron.parse("* * * * *"), NOW)
    assert timestamps.now_text(found.time) == "2023-11-14T22:13:00Z"
    assert found.missed > 10_000_000


def test_every_counts_from_the_last_time():
    subject = cron_job(schedule="@every 4m", status={"lastScheduleTime": "2023-11-14T22:01:30Z"})
    assert due_time(subject) == "2023-11-14T22:09:30Z"
    assert next_look_seconds(subject, cron.parse("@every 4m"), NOW) == pytest.approx(10.1)


def test_nothing_before_the_starting_deadline_is_looked_at():
    assert due_time(cron_job(startingDeadlineSeconds=100)) is None
    assert due_time(cron_job(startingDeadlineSeconds=300)) == TEN_PAST


def test_the_next_look_is_just_after_the_next_time():
    schedule = cron.parse("*/10 * * * *")
    assert next_look_seconds(cron_job(status={"lastScheduleTime": TEN_PAST}), schedule, NOW) == pytest.approx(400.1)
    assert next_look_seconds(cron_job(), schedule, NOW) == pytest.approx(400.1)


# What is started


def test_a_job_is_started_under_a_name_that_its_time_decides():
    subject = cron_job(timeZone="Europe/Berlin")
    decided = plan(subject, NOW)
    assert decided.start.job.metadata.name == f"tick-{int(timestamps.parse(TEN_PAST)) // 60}"
    assert decided.look_again_seconds == pytest.approx(400.1)
    made = make_job(subject, timestamps.parse(TEN_PAST))
    assert made.metadata.annotations == {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2023-11-14T23:10:00+01:00"}
    (reference,) = made.metadata.owner_references
    assert (reference.kind, reference.name, reference.controller) == ("CronJob", "tick", True)
    utc = make_job(cron_job(), timestamps.parse(TEN_PAST))
    assert utc.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == TEN_PAST


def test_no_time_is_started_twice():
    time = timestamps.parse(TEN_PAST)
    name = job_name(cron_job(), time)
    assert plan(cron_job(status=active(name)), NOW).start is None
    once = cron_job()
    again = replace(once, status=started(once, child(name, "uid"), time))
    assert again.status.last_schedule_time == TEN_PAST
    assert [reference.name for reference in again.status.active] == [name]
    assert plan(again, NOW).start is None


def test_what_is_suspended_or_being_deleted_starts_nothing():
    assert plan(cron_job(suspend=True), NOW).start is None
    going = cron_job()
    going = replace(going, metadata=replace(going.metadata, deletion_timestamp=TEN_PAST))
    assert plan(going, NOW).start is None


def test_concurrency_policies():
    running = active("other")
    allowed = plan(cron_job(status=running), NOW)
    assert (allowed.start is not None, allowed.start.replaces) == (True, ())
    forbidden = plan(cron_job(status=running, concurrencyPolicy="Forbid"), NOW)
    assert (forbidden.start, reasons(forbidden)) == (None, ["JobAlreadyActive"])
    replaced = plan(cron_job(status=running, concurrencyPolicy="Replace"), NOW)
    assert [reference.name for reference in replaced.start.replaces] == ["other"]


def test_what_is_wrong_is_said():
    many = plan(cron_job(created="2023-11-01T00:00:00Z"), NOW)
    assert reasons(many) == ["TooManyMissedTimes"]
    assert many.start is not None
    assert reasons(plan(cron_job(timeZone="Mars/Olympus"), NOW)) == ["UnknownTimeZone"]
    assert reasons(plan(cron_job(schedule="never"), NOW)) == ["UnparseableSchedule"]
    assert reasons(plan(cron_job(schedule="0 0 31 2 *"), NOW)) == ["InvalidSchedule"]


# What is observed


def test_finished_jobs_leave_the_list_and_the_last_success_is_noted():
    subject = cron_job(status=active("a", "b", "c"))
    jobs = [
        child("a", "uid-a", "Complete", completed=TEN_PAST),
        child("b", "uid-b", "Failed"),
        child("c", "uid-c"),
    ]
    status, sayings = observed(subject, jobs, {})
    assert [reference.name for reference in status.active] == ["c"]
    assert status.last_successful_time == TEN_PAST
    assert [saying.message for saying in sayings] == [
        "Saw completed job: a, condition: Complete",
        "Saw completed job: b, condition: Failed",
    ]


def test_jobs_that_went_missing_or_came_unasked_are_told_of():
    subject = cron_job(status=active("a"))
    status, sayings = observed(subject, [child("b", "uid-b")], {"uid-a": None})
    assert status.active == []
    assert [saying.reason for saying in sayings] == ["UnexpectedJob", "MissingJob"]


def test_the_last_success_never_goes_back():
    subject = cron_job(status={"lastSuccessfulTime": "2023-11-14T22:12:00Z"})
    status, _ = observed(subject, [child("a", "uid-a", "Complete", completed=TEN_PAST)], {})
    assert status.last_successful_time == "2023-11-14T22:12:00Z"


def test_history_keeps_the_latest():
    jobs = [child(f"ok{n}", f"ok{n}", "Complete", start=f"2023-11-14T22:0{n}:00Z") for n in (3, 1, 2)]
    jobs += [child(f"bad{n}", f"bad{n}", "Failed", start=f"2023-11-14T22:0{n}:00Z") for n in (1, 2)]
    jobs.append(child("running", "running"))
    subject = cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    assert [old.metadata.name for old in outdated(subject, jobs)] == ["ok1", "ok2", "bad1", "bad2"]
    assert [old.metadata.name for old in outdated(cron_job(), jobs)] == ["bad1"]


# Time to live


def test_a_finished_job_lives_on_for_its_time_to_live():
    end = {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": TEN_PAST}]}
    assert seconds_left(job(ttlSecondsAfterFinished=300, status=end), NOW) == 100
    assert seconds_left(job(ttlSecondsAfterFinished=0, status=end), NOW) == -200
    assert seconds_left(job(status=end), NOW) is None
    assert seconds_left(job(ttlSecondsAfterFinished=0), NOW) is None
    going = job(ttlSecondsAfterFinished=0, status=end, meta={"deletionTimestamp": TEN_PAST})
    assert seconds_left(going, NOW) is None
