"""What a pod's status says at each moment of its life."""

from __future__ import annotations

from typing import Any

import pytest

from api.types import ContainerStatus, Pod, PodCondition, PodStatus
from kubelet.pods.history import ready_before, runs_of
from kubelet.pods.start import Waiting
from kubelet.pods.state import PodState
from kubelet.pods.status import Report, rejected, status_of
from kubelet.pods.status_writer import merged
from kubelet.pods.view import Run, Stop, View
from tests.support.kubelet import NOW, container, pod, run, sandbox

NOW_TEXT = "2023-11-14T22:13:20Z"


def told(
    owner: Pod,
    *runs: Run,
    state: PodState = PodState.RUNNING,
    started: set[str] | None = None,
    ready: set[str] | None = None,
    waiting: dict[str, Waiting] | None = None,
    previous: PodStatus | None = None,
    stop: Stop | None = None,
    with_sandbox: bool = True,
    busy: set[str] | None = None,
    restarting: set[str] | None = None,
) -> PodStatus:
    by_name: dict[str, list[Run]] = {}
    for known in runs:
        by_name.setdefault(known.spec.name, []).append(known)
    ids = {known.id for known in runs}
    view = View(
        pod=owner,
        now=NOW,
        sandbox=sandbox() if with_sandbox else None,
        runs=by_name,
        start_time=NOW,
        started=frozenset(ids if started is None else started),
        stop=stop,
        busy=frozenset(busy or ()),
        restarting=frozenset(restarting or ()),
    )
    report = Report(
        view=view,
        state=state,
        node_ip="10.1.0.2",
        runtime_name="runc",
        previous=previous or PodStatus(),
        waiting=waiting or {},
        ready=frozenset(ids if ready is None else ready),
    )
    return status_of(report)


def condition(status: PodStatus, type: str) -> PodCondition:
    return next(found for found in status.conditions if found.type == type)


def only(status: PodStatus) -> ContainerStatus:
    (found,) = status.container_statuses
    return found


def test_a_running_pod() -> None:
    status = told(pod(meta={"generation": 3}), run())
    assert (status.phase, status.pod_ip, status.host_ip, status.start_time) == (
        "Running",
        "10.0.0.5",
        "10.1.0.2",
        NOW_TEXT,
    )
    assert (status.qos_class, status.observed_generation) == ("BestEffort", 3)
    main = only(status)
    assert (main.container_id, main.ready, main.started, main.restart_count) == ("runc://main-0", True, True, 0)
    assert main.state.running is not None
    assert [(found.type, found.status) for found in status.conditions] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]


def test_before_anything_runs_the_containers_are_being_created() -> None:
    status = told(pod(), state=PodState.STARTING, with_sandbox=False)
    assert (status.phase, status.pod_ip) == ("Pending", "")
    waiting = only(status).state.waiting
    assert waiting is not None
    assert waiting.reason == "ContainerCreating"
    ready = condition(status, "Ready")
    assert (ready.status, ready.reason) == ("False", "ContainersNotReady")
    assert ready.message == "containers with unready status: [main]"
    assert condition(status, "PodReadyToStartContainers").status == "False"


def test_while_init_containers_run_the_others_wait_for_them() -> None:
    status = told(pod(initContainers=[container("init")]), run("init"))
    assert status.phase == "Pending"
    waiting = only(status).state.waiting
    assert waiting is not None
    assert waiting.reason == "PodInitializing"
    initialized = condition(status, "Initialized")
    assert (initialized.reason, initialized.message) == (
        "ContainersNotInitialized",
        "containers with incomplete status: [init]",
    )


def test_a_finished_init_container_is_ready() -> None:
    status = told(pod(initContainers=[container("init")]), run("init", state="exited"), run())
    assert status.phase == "Running"
    assert status.init_container_statuses[0].ready
    assert condition(status, "Initialized").status == "True"


def test_a_container_counts_as_running_only_after_its_post_start_hook() -> None:
    status = told(pod(), run(), busy={"start/main"})
    assert status.phase == "Pending"
    assert only(status).state.running is None


def test_crash_looping() -> None:
    ended = run(state="exited", code=3, attempt=2, ended=NOW)
    status = told(pod(), ended, waiting={"main": Waiting("CrashLoopBackOff", "back-off")})
    main = only(status)
    assert status.phase == "Running"
    assert main.state.waiting is not None
    assert main.state.waiting.reason == "CrashLoopBackOff"
    assert main.last_state.terminated is not None
    assert (main.last_state.terminated.exit_code, main.last_state.terminated.reason) == (3, "Error")
    assert main.restart_count == 2


@pytest.mark.parametrize("ended", [run(), run(state="exited", code=1, ended=NOW)])
def test_what_a_container_was_allocated_is_told_whether_it_runs_or_not(ended: Run) -> None:
    resources = {"requests": {"cpu": "20m", "memory": "20Mi"}, "limits": {"memory": "40Mi"}}
    main = only(told(pod(containers=[container(resources=resources)]), ended))
    assert main.resources is not None
    assert (main.resources.requests, main.resources.limits) == (resources["requests"], resources["limits"])
    assert main.allocated_resources == resources["requests"]


def test_a_container_being_started_again_is_told_of_as_before() -> None:
    ended, again = run(state="exited", code=1), run(state="created", attempt=1)
    waits = {"main": Waiting("CrashLoopBackOff", "back-off")}
    before = told(pod(), ended, waiting=waits)
    assert only(before).restart_count == 0
    for runs in ((ended,), (ended, again)):
        now = told(pod(), *runs, previous=before, busy={"start/main"})
        assert now.container_statuses == before.container_statuses
    assert only(told(pod(), ended, again, previous=before)).restart_count == 1


def test_the_run_before_is_the_last_state() -> None:
    status = told(pod(), run(state="exited", code=1), run(attempt=1))
    main = only(status)
    assert main.state.running is not None
    assert main.last_state.terminated is not None
    assert main.last_state.terminated.container_id == "runc://main-0"


def test_a_container_that_cannot_start_says_why() -> None:
    status = told(pod(), waiting={"main": Waiting("ErrImagePull", "no such image")}, state=PodState.STARTING)
    waiting = only(status).state.waiting
    assert waiting is not None
    assert (waiting.reason, waiting.message) == ("ErrImagePull", "no such image")


@pytest.mark.parametrize(
    ("policy", "codes", "over", "expected"),
    [
        ("Always", (1, 0), False, "Running"),
        ("OnFailure", (1, 0), False, "Running"),
        ("OnFailure", (0, 0), False, "Running"),
        ("Never", (0, 0), True, "Succeeded"),
        ("Never", (1, 0), True, "Failed"),
        ("Always", (0, 0), True, "Succeeded"),
        ("Always", (137, 0), True, "Failed"),
    ],
)
def test_the_phase_of_ended_containers(policy: str, codes: tuple[int, int], over: bool, expected: str) -> None:
    runs = [run(name, state="exited", code=code) for name, code in zip(("a", "b"), codes, strict=True)]
    state = PodState.TERMINATED if over else PodState.RUNNING
    status = told(pod(container("a"), container("b"), restartPolicy=policy), *runs, state=state)
    assert status.phase == expected
    # No more containers are started in a sandbox that is given back.
    assert condition(status, "PodReadyToStartContainers").status == ("False" if over else "True")


def test_a_pod_has_not_ended_while_a_sidecar_still_runs() -> None:
    side = container("side", restartPolicy="Always")
    owner = pod(initContainers=[side], restartPolicy="Never")
    ended = run(state="exited")
    assert told(owner, run("side"), ended, state=PodState.TERMINATING).phase == "Running"
    over = told(owner, run("side", state="exited", code=137), ended, state=PodState.TERMINATED)
    assert over.phase == "Succeeded", "how a sidecar ends does not matter"


def test_the_phase_is_final_with_the_end_of_the_last_container() -> None:
    owner, ended = pod(container("a"), container("b")), run("a", state="exited", code=137)
    stop = Stop(NOW)
    assert told(owner, ended, run("b"), state=PodState.TERMINATING, stop=stop).phase == "Running"
    assert told(owner, ended, state=PodState.TERMINATING, stop=stop).phase == "Pending", "one has not run"
    other = run("b", state="exited", code=0)
    status = told(owner, ended, other, state=PodState.TERMINATING, stop=stop, restarting={"a"})
    assert status.phase == "Failed"
    assert status.container_statuses[0].state.terminated is not None


def test_a_pod_that_ended_well() -> None:
    status = told(pod(restartPolicy="Never"), run(state="exited"), state=PodState.TERMINATED)
    assert (condition(status, "Ready").reason, condition(status, "Initialized").reason) == (
        "PodCompleted",
        "PodCompleted",
    )


def test_a_pod_the_node_ended_has_failed_whatever_its_containers_say() -> None:
    stop = Stop(NOW, "DeadlineExceeded", "too long")
    status = told(pod(), run(state="exited"), state=PodState.TERMINATED, stop=stop)
    assert (status.phase, status.reason, status.message) == ("Failed", "DeadlineExceeded", "too long")
    assert condition(status, "Ready").reason == "PodFailed"


def test_a_deleted_pod_that_never_ran_has_failed_and_its_containers_are_accounted_for() -> None:
    status = told(pod(), state=PodState.TERMINATED, with_sandbox=False)
    assert status.phase == "Failed"
    ended = only(status).state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason) == (137, "ContainerStatusUnknown")


def test_the_address_stays_after_the_end() -> None:
    before = told(pod(), run())
    after = told(pod(), run(state="exited"), state=PodState.TERMINATED, with_sandbox=False, previous=before)
    assert after.pod_ip == before.pod_ip


def test_readiness_gates() -> None:
    gates = [{"conditionType": "example.com/lb"}, {"conditionType": "example.com/other"}]
    found = {"conditions": [{"type": "example.com/lb", "status": "False"}]}
    ready = condition(told(pod(readinessGates=gates, status=found), run()), "Ready")
    assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    assert ready.message == (
        'the status of pod readiness gate "example.com/lb" is not "True", but False, '
        'corresponding condition of pod readiness gate "example.com/other" does not exist.'
    )


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    old = PodCondition(type="Ready", status="True", last_transition_time="2020-01-01T00:00:00Z")
    previous = PodStatus(conditions=[old])
    assert condition(told(pod(), run(), previous=previous), "Ready").last_transition_time == "2020-01-01T00:00:00Z"
    changed = told(pod(), run(), previous=previous, ready=set())
    assert condition(changed, "Ready").last_transition_time == NOW_TEXT


def test_an_unstarted_container_is_not_ready() -> None:
    main = only(told(pod(), run(), started=set()))
    assert (main.started, main.ready) == (False, False)


def test_a_refused_pod() -> None:
    status = rejected(pod(), "OutOfcpu", "no room", NOW)
    assert (status.phase, status.reason, status.message) == ("Failed", "OutOfcpu", "Pod was rejected: no room")


def test_others_conditions_survive_and_an_end_is_final() -> None:
    theirs = PodCondition(type="example.com/lb", status="True")
    found = PodStatus(phase="Failed", conditions=[theirs], nominated_node_name="n", start_time="2020-01-01T00:00:00Z")
    ours = told(pod(), run())
    status = merged(found, ours)
    assert theirs in status.conditions
    assert len(status.conditions) == 6
    assert (status.phase, status.nominated_node_name) == ("Failed", "n")
    assert status.start_time == "2020-01-01T00:00:00Z"
    assert merged(status, ours) == status, "writing the same again changes nothing"


def known_to_the_server(**states: Any) -> Pod:
    statuses = [
        {"name": name, "containerID": f"runc://{name}-id", "restartCount": 4, "image": "busybox", **state}
        for name, state in states.items()
    ]
    return pod(*(container(name) for name in states), status={"containerStatuses": statuses})


def test_runs_the_runtime_has_lost_are_taken_from_the_status() -> None:
    owner = known_to_the_server(
        a={"state": {"running": {"startedAt": NOW_TEXT}}, "ready": True},
        b={"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        c={"state": {"waiting": {"reason": "ContainerCreating"}}},
    )
    runs = runs_of(owner, [run("b", attempt=4, state="exited", code=7)], NOW)
    assert set(runs) == {"a", "b"}
    (lost,) = runs["a"]
    assert (lost.exit_code, lost.reason, lost.spec.attempt) == (137, "ContainerStatusUnknown", 4)
    assert runs["b"][0].exit_code == 7, "the runtime's own word counts"
    assert ready_before(owner) == {"a-id": True, "b-id": False, "c-id": False}


def test_runs_are_in_order_of_attempts() -> None:
    runs = runs_of(pod(), [run(attempt=2), run(attempt=1, state="exited")], NOW)
    assert [known.spec.attempt for known in runs["main"]] == [1, 2]


def test_the_containers_behind_a_failed_init_container_never_had_their_turn() -> None:
    owner = pod(initContainers=[container("first"), container("second")], restartPolicy="Never")
    ended = told(owner, run("first", state="exited"), run("second", state="exited", code=1), state=PodState.TERMINATED)
    assert ended.phase == "Failed"
    waiting = only(ended).state.waiting
    assert waiting is not None and waiting.reason == "PodInitializing"
    initialized = next(condition for condition in ended.conditions if condition.type == "Initialized")
    assert (initialized.status, initialized.reason) == ("False", "ContainersNotInitialized")
    assert initialized.message == "containers with incomplete status: [second]"


def test_an_init_container_has_started_once_it_runs() -> None:
    running = told(pod(initContainers=[container("init")]), run("init"), started=set()).init_container_statuses[0]
    assert (running.started, running.ready) == (True, False)
    ended = told(pod(initContainers=[container("init")]), run("init", state="exited")).init_container_statuses[0]
    assert (ended.started, ended.ready) == (False, True)


def test_nothing_is_said_of_an_ephemeral_containers_start() -> None:
    owner = pod(ephemeralContainers=[container("debug"), container("later")])
    assert [found.started for found in told(owner, run(), run("debug")).ephemeral_container_statuses] == [None, None]


def test_a_container_stopped_to_run_again_shows_no_end_between_the_runs() -> None:
    main = only(told(pod(), run(state="exited", code=137), restarting={"main"}))
    assert main.state.waiting is not None
    assert main.last_state.terminated is not None
    assert main.last_state.terminated.exit_code == 137
