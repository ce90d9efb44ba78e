"""Jobs: what is made, what is counted, how it ends. The world of `tests.support.jobs` carries out the plans."""

from __future__ import annotations

import contextlib
import random

import pytest
from msgspec.structs import replace

from api.types import UncountedTerminatedPods
from controllers.job.accounting import counted, started, with_condition
from controllers.job.backoff import Backoff, remaining, remaining_for
from controllers.job.plan import NewPod, batch_seconds, plan
from controllers.job.pods import FAILURE_COUNT, IGNORED_FAILURE_COUNT, INDEX, TRACKING_FINALIZER, finished_at
from controllers.job.template import make_pod
from controllers.job.verdict import judge
from tests.support.jobs import NOW, Crash, World, job, pod_of

INDEXED = {"completionMode": "Indexed"}
START = "2023-11-14T22:13:20Z"  # NOW


def ending(subject, *pods, now=NOW):
    found = judge(started(subject, now), pods, now).ending
    return None if found is None else (found.succeeded, found.reason)


def planned(subject, *pods, backoff=None, now=NOW):
    begun = started(subject, now)
    return plan(begun, pods, judge(begun, pods, now), backoff or Backoff(), now)


def conditions(world):
    return [(each.type, each.status, each.reason) for each in world.job.status.conditions]


# How many pods


def test_one_pod_is_made_and_replaced_when_it_fails():
    assert len(planned(job()).create) == 1
    assert len(planned(job(), pod_of(job())).create) == 0
    failed = pod_of(job(), "Failed", exit_code=1)
    assert len(planned(job(), failed).create) == 1


def test_no_more_pods_than_completions_are_left_nor_than_parallelism():
    subject = job(completions=5, parallelism=2)
    assert len(planned(subject).create) == 2
    four_done = job(completions=5, parallelism=2, status={"succeeded": 4})
    assert len(planned(four_done).create) == 1
    assert len(planned(job(completions=5, parallelism=0)).create) == 0


def test_a_work_queue_keeps_its_parallelism_until_one_pod_has_succeeded():
    subject = job(parallelism=3)
    assert len(planned(subject, pod_of(subject)).create) == 2
    done, running = pod_of(subject, "Succeeded"), pod_of(subject)
    assert planned(subject, done, running).create == ()
    assert ending(subject, done, running) is None
    assert ending(subject, done) == (True, "CompletionsReached")


def test_surplus_pods_are_deleted_and_not_counted_as_failures():
    subject = job(completions=9, parallelism=1)
    two = [pod_of(subject, ready=True), pod_of(subject, "Pending")]
    decided = planned(subject, *two)
    assert (decided.delete, decided.forget) == ([two[1]], True)


def test_a_suspended_job_gives_up_its_pods_uncounted_and_makes_none():
    world = World(job(parallelism=2, completions=2))
    world.look()
    assert len(world.pods) == 2
    world.job = replace(world.job, spec=replace(world.job.spec, suspend=True))
    world.look()
    world.look()
    assert world.pods == {}
    assert (world.job.status.failed, world.job.status.active) == (0, 0)
    assert conditions(world) == [("Suspended", "True", "JobSuspended")]
    assert world.job.status.start_time is None


def test_a_resumed_job_starts_anew():
    world = World(job(suspend=True, activeDeadlineSeconds=60))
    world.look()
    assert world.job.status.start_time is None
    assert world.pods == {}
    world.job = replace(world.job, spec=replace(world.job.spec, suspend=False))
    world.now = NOW + 3600
    world.look()
    assert conditions(world) == [("Suspended", "False", "JobResumed")]
    assert world.job.status.start_time == "2023-11-14T23:13:20Z"
    assert len(world.pods) == 1


def test_a_job_that_is_being_deleted_makes_nothing_and_lets_go_of_its_pods():
    world = World(job())
    world.look()
    world.job = replace(world.job, metadata=replace(world.job.metadata, deletion_timestamp=START))
    world.look()
    assert len(world.made) == 1
    assert [pod.metadata.finalizers for pod in world.pods.values()] == [[]]


def test_pods_on_their_way_out_are_replaced_only_when_they_have_failed_if_so_asked():
    leaving = pod_of(job(), deleted=True)
    assert len(planned(job(), leaving).create) == 1
    patient = job(podReplacementPolicy="Failed")
    assert planned(patient, pod_of(patient, deleted=True)).create == ()
    assert len(planned(patient, pod_of(patient, "Failed", deleted=True)).create) == 1


def test_news_of_many_pods_is_taken_in_together():
    assert batch_seconds(job(status={"active": 10})) == 0
    assert batch_seconds(job(status={"active": 100, "succeeded": 100})) == pytest.approx(0.2)
    assert batch_seconds(job(status={"succeeded": 90_000})) == 1


# Back-off


def test_delays_double_up_to_ten_minutes():
    assert [remaining(count, NOW, NOW) for count in (0, 1, 2, 3, 7, 40)] == [0, 10, 20, 40, 600, 600]
    assert remaining(2, NOW, NOW + 15) == 5
    assert remaining(2, NOW, NOW + 25) == 0


def test_a_success_ends_a_row_of_failures():
    subject = job()
    failed = [pod_of(subject, "Failed", exit_code=1, ended=f"2023-11-14T22:0{n}:00Z") for n in (1, 2, 4)]
    backoff = Backoff().after([], failed[:2], NOW)
    assert backoff.failures == 2
    success = pod_of(subject, "Succeeded", exit_code=0, ended="2023-11-14T22:03:00Z")
    assert backoff.after([success], [failed[2]], NOW).failures == 1
    assert backoff.after([success], [], NOW) == Backoff(0, 0.0)


def test_no_pod_is_made_while_the_delay_lasts():
    subject = job()
    held = planned(subject, backoff=Backoff(1, NOW - 4))
    assert (held.create, held.retry_seconds) == ((), 6)
    assert len(planned(subject, backoff=Backoff(1, NOW - 10)).create) == 1


def test_a_pod_ended_when_its_last_container_did_else_when_it_was_no_longer_ready():
    subject = job()
    assert finished_at(pod_of(subject, "Failed", exit_code=1, ended=START)) == NOW
    assert finished_at(pod_of(subject, "Failed", ended=START)) == NOW
    assert finished_at(pod_of(subject, ready=True)) is None


# How a Job ends


def test_a_job_fails_when_more_pods_failed_than_its_limit():
    failed = [pod_of(job(), "Failed", exit_code=1) for _ in range(3)]
    assert ending(job(backoffLimit=3), *failed) is None
    assert ending(job(backoffLimit=2), *failed) == (False, "BackoffLimitExceeded")
    already = job(backoffLimit=3, status={"failed": 1})
    assert ending(already, *failed) == (False, "BackoffLimitExceeded")


def test_restarts_in_place_use_up_the_limit():
    subject = job(backoffLimit=3, restartPolicy="OnFailure")
    assert ending(subject, pod_of(subject, restarts=2)) is None
    assert ending(subject, pod_of(subject, restarts=2), pod_of(subject, restarts=1)) == (False, "BackoffLimitExceeded")
    never = job(backoffLimit=0, restartPolicy="OnFailure")
    assert ending(never, pod_of(never)) is None
    assert ending(never, pod_of(never, restarts=1)) == (False, "BackoffLimitExceeded")


def test_a_job_fails_at_its_deadline_and_is_looked_at_then():
    subject = job(activeDeadlineSeconds=60, status={"startTime": START})
    assert ending(subject, pod_of(subject), now=NOW + 59) is None
    assert planned(subject, pod_of(subject), now=NOW + 59).retry_seconds == 1
    assert ending(subject, pod_of(subject), now=NOW + 60) == (False, "DeadlineExceeded")


def test_a_failed_job_first_says_so_then_ends_its_pods_then_has_failed():
    world = World(job(backoffLimit=0, parallelism=2, completions=2))
    world.look()
    world.end(world.running()[0], "Failed", 1)
    world.look()
    assert conditions(world)[:1] == [("FailureTarget", "True", "BackoffLimitExceeded")]
    world.look()
    assert conditions(world)[1:] == [("Failed", "True", "BackoffLimitExceeded")]
    assert (world.job.status.failed, world.job.status.active) == (2, 0)
    assert world.job.status.completion_time is None


def test_a_job_is_not_over_while_a_pod_is_still_terminating():
    world = World(job(backoffLimit=0, parallelism=2, completions=2))
    world.look()
    first, second = world.running()
    pinned = world.pods[second]
    world.pods[second] = replace(
        pinned, metadata=replace(pinned.metadata, finalizers=["other/one", TRACKING_FINALIZER])
    )
    world.end(first, "Failed", 1)
    for _ in range(3):
        world.look()
        world.pods[second] = replace(
            pinned, metadata=replace(pinned.metadata, finalizers=["other/one"], deletion_timestamp=START)
        )
    assert conditions(world) == [("FailureTarget", "True", "BackoffLimitExceeded")]
    assert world.job.status.terminating == 1
    del world.pods[second]
    world.look()
    assert conditions(world)[1:] == [("Failed", "True", "BackoffLimitExceeded")]


def test_a_completed_job_says_when():
    world = World(job())
    world.look()
    world.end(world.running()[0], "Succeeded")
    world.look()
    assert conditions(world) == [
        ("SuccessCriteriaMet", "True", "CompletionsReached"),
        ("Complete", "True", "CompletionsReached"),
    ]
    status = world.job.status
    assert (status.succeeded, status.completion_time, status.uncounted_terminated_pods) == (
        1,
        START,
        UncountedTerminatedPods(),
    )


def test_a_job_of_no_completions_is_complete_at_once():
    world = World(job(completions=0))
    world.look()
    assert conditions(world)[-1] == ("Complete", "True", "CompletionsReached")
    assert world.made == []


# Indexed


def indexes(decided):
    return [new.index for new in decided.create]


def test_the_first_indexes_nobody_works_on_are_next():
    subject = job(completions=6, parallelism=3, **INDEXED, status={"completedIndexes": "0,2"})
    assert indexes(planned(subject)) == [1, 3, 4]
    assert indexes(planned(subject, pod_of(subject, index=3))) == [1, 4]


def test_an_index_that_succeeds_twice_counts_once():
    world = World(job(completions=3, parallelism=3, **INDEXED))
    for index in (0, 0, 2):
        pod = pod_of(world.job, "Succeeded", index=index)
        world.pods[pod.metadata.uid] = pod
    world.look()
    assert (world.job.status.succeeded, world.job.status.completed_indexes) == (2, "0,2")
    assert indexes(world.last) == [1]


def test_of_two_pods_of_an_index_and_of_those_of_none_one_stays():
    subject = job(completions=2, parallelism=3, **INDEXED)
    keeper, twin = pod_of(subject, index=0, ready=True), pod_of(subject, "Pending", index=0)
    beyond, without = pod_of(subject, index=2), pod_of(subject)
    decided = planned(subject, keeper, twin, beyond, without)
    assert sorted(pod.metadata.name for pod in decided.delete) == sorted(
        pod.metadata.name for pod in (twin, beyond, without)
    )


def test_a_smaller_elastic_job_forgets_indexes_and_a_larger_one_runs_more():
    smaller = job(completions=2, parallelism=2, **INDEXED, status={"completedIndexes": "0-3", "succeeded": 4})
    assert ending(smaller) == (True, "CompletionsReached")
    larger = job(completions=6, parallelism=6, **INDEXED, status={"completedIndexes": "0-3", "succeeded": 4})
    assert indexes(planned(larger)) == [4, 5]


def test_pods_of_an_indexed_job_know_their_index():
    subject = job("a" * 60, completions=20, **INDEXED)
    made = make_pod(subject, NewPod(12))
    assert made.metadata.generate_name == "a" * 54 + "-12-"
    assert made.metadata.annotations[INDEX] == made.metadata.labels[INDEX] == "12"
    assert made.spec.hostname == f"{subject.metadata.name}-12"
    (variable,) = made.spec.containers[0].env
    assert variable.name == "JOB_COMPLETION_INDEX"
    assert variable.value_from.field_ref.field_path == f"metadata.labels['{INDEX}']"
    assert made.metadata.finalizers == [TRACKING_FINALIZER]
    assert FAILURE_COUNT not in made.metadata.annotations


def test_an_index_has_a_limit_of_its_own_and_does_not_hold_up_the_others():
    subject = job(completions=3, parallelism=3, backoffLimitPerIndex=1, **INDEXED)
    once = pod_of(subject, "Failed", index=0, exit_code=1, ended=START, annotations={FAILURE_COUNT: "0"})
    twice = pod_of(subject, "Failed", index=1, exit_code=1, ended=START, annotations={FAILURE_COUNT: "1"})
    verdict = judge(started(subject, NOW), [once, twice], NOW)
    assert str(verdict.failed_indexes) == "1"
    held = planned(subject, once, twice)
    assert (indexes(held), held.retry_seconds) == ([2], 10)
    later = planned(subject, once, twice, now=NOW + 10)
    assert later.create[0] == NewPod(0, once)
    assert make_pod(subject, later.create[0]).metadata.annotations[FAILURE_COUNT] == "1"


def test_the_last_failed_pod_of_an_index_is_kept_until_its_successor_runs():
    world = World(job(completions=1, parallelism=1, backoffLimitPerIndex=2, **INDEXED))
    world.look()
    first = world.running()[0]
    world.end(first, "Failed", 1)
    world.look()
    assert world.pods[first].metadata.finalizers == [TRACKING_FINALIZER]
    world.now += 10
    world.look()
    world.look()
    assert world.pods[first].metadata.finalizers == []
    assert world.made[1].metadata.annotations[FAILURE_COUNT] == "1"
    assert world.job.status.failed == 1


def test_a_job_with_failed_indexes_fails_once_the_others_are_done():
    world = World(job(completions=3, parallelism=3, backoffLimitPerIndex=0, **INDEXED))
    world.look()
    zero, one, two = world.running()
    world.end(zero, "Succeeded")
    world.end(one, "Failed", 1)
    world.look()
    assert world.job.status.failed_indexes == "1"
    assert conditions(world) == []
    world.end(two, "Succeeded")
    world.look()
    world.look()
    assert conditions(world)[-1] == ("Failed", "True", "FailedIndexes")
    assert (world.job.status.completed_indexes, world.job.status.failed) == ("0,2", 1)


def test_too_many_failed_indexes_end_the_job_early():
    subject = job(completions=9, parallelism=9, backoffLimitPerIndex=0, maxFailedIndexes=1, **INDEXED)
    failed = [pod_of(subject, "Failed", index=index, exit_code=1) for index in (0, 1)]
    assert ending(subject, *failed[:1]) is None
    assert ending(subject, *failed) == (False, "MaxFailedIndexesExceeded")


# Policies


def policy(*rules):
    return {"podFailurePolicy": {"rules": list(rules)}}


EXIT_42 = {"onExitCodes": {"operator": "In", "values": [42]}}
DISRUPTED = {"onPodConditions": [{"type": "DisruptionTarget"}]}
TARGET = [{"type": "DisruptionTarget", "status": "True"}]


def test_a_rule_may_fail_the_job_and_says_why():
    subject = job(**policy({"action": "FailJob", **EXIT_42}))
    pod = pod_of(subject, "Failed", exit_code=42)
    found = judge(started(subject, NOW), [pod], NOW).ending
    name = pod.metadata.name
    assert found.message == (
        f"Container main for pod default/{name} failed with exit code 42 matching FailJob rule at index 0"
    )
    assert ending(subject, pod_of(subject, "Failed", exit_code=1)) is None


def test_ignored_failures_are_replaced_but_not_counted():
    world = World(job(backoffLimit=0, **policy({"action": "Ignore", **DISRUPTED})))
    pod = pod_of(world.job, "Failed", exit_code=137, conditions=TARGET)
    world.pods[pod.metadata.uid] = pod
    world.look()
    assert (world.job.status.failed, conditions(world)) == (0, [])
    assert world.pods[pod.metadata.uid].metadata.finalizers == []


def test_the_first_rule_that_matches_decides():
    rules = (
        {"action": "Ignore", **DISRUPTED},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [3]}},
    )
    subject = job(**policy(*rules))
    assert ending(subject, pod_of(subject, "Failed", exit_code=9, conditions=TARGET)) is None
    assert ending(subject, pod_of(subject, "Failed", exit_code=9)) == (False, "PodFailurePolicy")
    assert ending(subject, pod_of(subject, "Failed", exit_code=3)) is None


def test_a_rule_about_another_container_does_not_match():
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "other", "operator": "In", "values": [42]}}
    subject = job(**policy(rule))
    assert ending(subject, pod_of(subject, "Failed", exit_code=42)) is None


def test_fail_index_gives_up_the_index_whatever_its_limit():
    spec = {"completions": 2, "parallelism": 2, "backoffLimitPerIndex": 5, **INDEXED}
    subject = job(**spec, **policy({"action": "FailIndex", **EXIT_42}))
    pod = pod_of(subject, "Failed", index=1, exit_code=42)
    assert str(judge(started(subject, NOW), [pod], NOW).failed_indexes) == "1"


def test_ignored_failures_of_an_index_lengthen_its_delay_but_do_not_use_up_its_limit():
    spec = {"completions": 1, "backoffLimitPerIndex": 1, **INDEXED}
    subject = job(**spec, **policy({"action": "Ignore", **DISRUPTED}))
    pod = pod_of(
        subject,
        "Failed",
        index=0,
        exit_code=137,
        ended=START,
        conditions=TARGET,
        annotations={FAILURE_COUNT: "1", IGNORED_FAILURE_COUNT: "1"},
    )
    assert remaining_for(pod, NOW) == 40
    assert len(judge(started(subject, NOW), [pod], NOW).failed_indexes) == 0
    marks = make_pod(subject, NewPod(0, pod)).metadata.annotations
    assert (marks[FAILURE_COUNT], marks[IGNORED_FAILURE_COUNT]) == ("1", "2")


@pytest.mark.parametrize(
    ("rule", "succeeded", "met"),
    [
        ({"succeededIndexes": "0"}, "1-3", False),
        ({"succeededIndexes": "0,2"}, "0,2", True),
        ({"succeededIndexes": "0-4", "succeededCount": 2}, "1,9", False),
        ({"succeededIndexes": "0-4", "succeededCount": 2}, "1,3", True),
        ({"succeededCount": 3}, "1,3,9", True),
        ({"succeededCount": 3}, "1,3", False),
    ],
)
def test_a_success_policy_is_met_by_the_right_indexes(rule, succeeded, met):
    status = {"completedIndexes": succeeded}
    subject = job(completions=10, parallelism=1, **INDEXED, successPolicy={"rules": [rule]}, status=status)
    assert ending(subject) == ((True, "SuccessPolicy") if met else None)


def test_a_job_that_succeeds_by_policy_ends_the_pods_that_still_run_and_does_not_call_them_failed():
    rules = {"rules": [{"succeededIndexes": "0"}]}
    world = World(job(completions=3, parallelism=3, **INDEXED, successPolicy=rules))
    world.look()
    world.end(world.running()[0], "Succeeded")
    world.look()
    world.look()
    assert conditions(world) == [("SuccessCriteriaMet", "True", "SuccessPolicy"), ("Complete", "True", "SuccessPolicy")]
    assert (world.job.status.succeeded, world.job.status.failed) == (1, 0)


# Counting


def test_a_pod_is_in_the_counter_only_once_its_finalizer_is_gone():
    subject = job(status={"uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["b", "c"]}})
    still = pod_of(subject, "Failed")
    still = replace(still, metadata=replace(still.metadata, uid="b"))
    after = counted(subject.status, [still])
    assert (after.succeeded, after.failed) == (1, 1)
    assert after.uncounted_terminated_pods == UncountedTerminatedPods(failed=["b"])


def test_a_pod_deleted_by_somebody_counts_as_failed_and_is_replaced():
    world = World(job(backoffLimit=3))
    world.look()
    (uid,) = world.running()
    world.delete(uid)
    world.look()
    assert uid not in world.pods
    assert world.job.status.failed == 1
    world.now += 3600
    world.look()
    assert len(world.made) == 2


def test_conditions_keep_their_time_while_nothing_changes():
    status = with_condition(job().status, "Suspended", "True", "JobSuspended", "Job suspended", NOW)
    assert with_condition(status, "Suspended", "True", "JobSuspended", "Job suspended", NOW + 9) is status
    assert with_condition(job().status, "Suspended", "False", "JobResumed", "Job resumed", NOW).conditions == []


@pytest.mark.parametrize("seed", range(60))
def test_every_pod_is_counted_once_whatever_is_deleted_and_whenever_the_controller_crashes(seed):
    chance = random.Random(seed)
    indexed = seed % 2 == 0
    world = World(job(completions=4, parallelism=2, backoffLimit=1000, **(INDEXED if indexed else {})))
    succeeded, failed = set(), set()

    def delete(uid):
        world.writes_left = None
        world.delete(uid)

    def live_and_die(uid):
        outcome = chance.choice(["run", "succeed", "fail", "delete"])
        if outcome == "delete":
            delete(uid)
            failed.add(uid)
        elif outcome == "fail":
            world.end(uid, "Failed", 1)
            failed.add(uid)
        elif outcome == "succeed" and uid not in failed:
            world.end(uid, "Succeeded")
            succeeded.add(uid)

    for _ in range(500):
        if any(each.type == "Complete" for each in world.job.status.conditions):
            break
        world.now += 1000
        for uid in world.running():
            live_and_die(uid)
        for uid in succeeded | failed:
            if chance.random() < 0.3:
                delete(uid)
        with contextlib.suppress(Crash):
            world.look(writes=chance.choice([None, *range(7)]))
    status = world.job.status
    assert [each.type for each in status.conditions] == ["SuccessCriteriaMet", "Complete"]
    assert status.failed == len(failed)
    assert status.succeeded == (4 if indexed else len(succeeded))
    assert not any(pod.metadata.finalizers for pod in world.pods.values())
