"""The life of a pod: decisions played against a model of the runtime."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubelet.pods.actions import StopCause, StopContainer
from kubelet.pods.decide import DEADLINE_EXCEEDED
from kubelet.pods.state import IllegalTransition, PodState, StateMachine
from kubelet.pods.view import Stop
from kubelet.runtime.base import SandboxState
from tests.support.kubelet import NOW, Model, container, pod, run, sandbox


def sidecar(name: str = "side", **more: object) -> dict[str, object]:
    return container(name, restartPolicy="Always", **more)


def test_a_pod_starts_with_volumes_and_sandbox_at_once_then_its_container() -> None:
    model = Model(pod())
    assert [action.key for action in model.step()] == ["volumes", "sandbox"]
    assert model.settle() == ["volumes", "sandbox", "start/main"]
    assert model.machine.state is PodState.RUNNING


def test_containers_start_one_after_another() -> None:
    model = Model(pod(container("a"), container("b")))
    model.record.volumes_ready = True
    model.record.observe_sandbox(sandbox())
    assert [action.key for action in model.step()] == ["start/a"]
    model.record.busy["start/a"] = 1
    model.record.observe(run("a"))
    assert model.step() == [], "b must wait for a's postStart hook"
    model.record.busy.clear()
    assert [action.key for action in model.step()] == ["start/b"]


def test_init_containers_run_in_order_before_the_others() -> None:
    model = Model(pod(initContainers=[container("one"), container("two")]))
    assert model.settle()[-1] == "start/one"
    model.end("one")
    assert model.settle() == ["start/two"]
    model.end("two")
    assert model.settle() == ["start/main"]


def test_a_failed_init_container_is_restarted_with_back_off() -> None:
    model = Model(pod(initContainers=[container("init")]))
    model.settle()
    model.end("init", 1)
    assert model.settle() == ["start/init"]
    model.end("init", 1)
    assert model.settle() == []
    assert model.decision is not None
    assert model.decision.waiting["init"].reason == "CrashLoopBackOff"
    assert model.wait(10) == ["start/init", "remove-run"]


def test_the_end_before_stays_known_when_the_last_one_was_final() -> None:
    model = Model(pod(restartPolicy="OnFailure"))
    model.settle()
    for code in (1, 1, 0):
        model.end("main", code)
        model.wait(60)
    assert model.machine.state is PodState.TERMINATED
    assert [run.exit_code for run in model.record.runs["main"]] == [1, 0]


def test_a_failed_init_container_of_a_never_restarting_pod_ends_it() -> None:
    model = Model(pod(initContainers=[container("init")], restartPolicy="Never"))
    model.settle()
    model.end("init", 1)
    assert model.settle() == ["release"]
    assert model.machine.state is PodState.TERMINATED
    assert model.state_of("main") == "absent"


def test_a_sidecar_lets_the_next_container_begin_once_it_has_started() -> None:
    model = Model(pod(initContainers=[sidecar(), container("init")]))
    model.record.volumes_ready = True
    model.record.observe_sandbox(sandbox())
    model.record.observe(run("side"))
    assert model.step() == [], "its startup probe has not succeeded yet"
    model.started.add("side-0")
    assert [action.key for action in model.step()] == ["start/init"]


def test_a_sidecar_that_ends_is_started_again_while_the_others_run() -> None:
    model = Model(pod(initContainers=[sidecar()]))
    model.settle()
    model.end("side")
    assert model.settle() == ["start/side"]
    assert model.state_of("main") == "running"


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_says_whether_a_container_is_started_again(policy: str, code: int, again: bool) -> None:
    model = Model(pod(restartPolicy=policy))
    model.settle()
    model.end("main", code)
    assert ("start/main" in model.settle()) is again
    assert (model.machine.state is PodState.TERMINATED) is not again


def test_a_containers_own_restart_rules_go_before_the_pods_policy() -> None:
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    model = Model(pod(container(restartPolicy="Never", restartPolicyRules=rules), restartPolicy="Never"))
    model.settle()
    model.end("main", 42)
    assert model.settle() == ["start/main"]
    model.now += 1000
    model.end("main", 1)
    assert model.settle() == ["release"]


def test_another_image_is_not_held_back_by_the_failures_of_the_one_before() -> None:
    model = Model(pod())
    model.settle()
    model.end("main", 1)
    model.settle()
    model.end("main", 1)
    assert "start/main" not in model.settle()
    model.record.take(pod({**container(), "image": "other"}))
    assert "start/main" in model.settle()


def test_the_back_off_doubles_to_five_minutes_and_starts_over_after_a_long_run() -> None:
    model = Model(pod())
    model.settle()
    waits = []
    for _ in range(8):
        model.end("main", 1)
        model.settle()
        assert model.decision is not None
        wake_at = model.decision.wake_at
        waits.append(0 if model.state_of("main") == "running" else round((wake_at or 0) - model.now))
        model.wait(waits[-1])
        assert model.state_of("main") == "running"
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    model.now += 601
    model.end("main", 1)
    assert model.settle() == ["start/main", "remove-run"], "it ran for more than ten minutes: no back-off"


def test_the_back_off_message_is_upstreams() -> None:
    model = Model(pod())
    model.settle()
    for _ in range(2):
        model.end("main", 1)
        model.settle()
    assert model.decision is not None
    waiting = model.decision.waiting["main"]
    uid = "11111111-2222-3333-4444-555555555555"
    assert waiting.message == f"back-off 10s restarting failed container=main pod=web_default({uid})"


def test_a_container_that_backs_off_does_not_hold_back_the_others() -> None:
    model = Model(pod(container("a"), container("b")))
    model.settle()
    for _ in range(2):
        model.end("a", 1)
        model.settle()
    model.end("b", 1)
    assert "start/b" in model.settle()


def test_a_container_that_cannot_start_does_not_hold_back_the_others() -> None:
    model = Model(pod(container("a"), container("b")))
    model.record.volumes_ready = True
    model.record.observe_sandbox(sandbox())
    model.record.retry_at["start/a"] = model.now + 5
    assert [action.key for action in model.step()] == ["start/b"]
    assert model.decision is not None
    assert model.decision.wake_at == model.now + 5


def test_only_the_last_dead_run_of_a_container_is_kept() -> None:
    model = Model(pod())
    model.settle()
    for _ in range(4):
        model.end("main", 1)
        model.wait(1000)
    assert [known.state.name for known in model.record.runs["main"]] == ["EXITED", "RUNNING"]
    assert model.record.runs["main"][-1].spec.attempt == 4


def test_an_unhealthy_container_is_stopped_and_started_again() -> None:
    model = Model(pod(terminationGracePeriodSeconds=7))
    model.settle()
    id = model.record.runs["main"][-1].id
    model.unhealthy[id] = StopCause.LIVENESS
    (stop,) = model.step()
    assert isinstance(stop, StopContainer)
    assert (stop.cause, stop.restarts, stop.deadline) == (StopCause.LIVENESS, True, model.now + 7)
    assert model.settle() == ["stop/main", "start/main"]


def test_an_unhealthy_container_counts_as_failed_though_it_ends_well() -> None:
    model = Model(pod(restartPolicy="OnFailure"))
    model.settle()
    model.unhealthy[model.record.runs["main"][-1].id] = StopCause.LIVENESS
    assert model.settle() == ["stop/main", "start/main"]


def test_a_probes_own_grace_period_goes_before_the_pods() -> None:
    probe = {"exec": {"command": ["true"]}, "terminationGracePeriodSeconds": 3}
    model = Model(pod(container(livenessProbe=probe)))
    model.settle()
    model.unhealthy[model.record.runs["main"][-1].id] = StopCause.LIVENESS
    (stop,) = model.step()
    assert isinstance(stop, StopContainer)
    assert stop.deadline == model.now + 3


def test_a_container_whose_image_was_changed_is_replaced() -> None:
    model = Model(pod())
    model.settle()
    model.record.pod = pod(container(image="python"))
    (stop,) = model.step()
    assert isinstance(stop, StopContainer)
    assert stop.cause is StopCause.CHANGED
    assert model.settle() == ["stop/main", "start/main"]
    assert model.settle() == []


def test_deletion_stops_releases_and_removes() -> None:
    model = Model(pod(container("a"), container("b")))
    model.settle()
    model.delete()
    assert model.settle() == ["stop/a", "stop/b", "release", "remove"]
    assert model.machine.state is PodState.TERMINATED


def test_sidecars_are_stopped_last_and_in_reverse_order() -> None:
    model = Model(pod(initContainers=[sidecar("first"), sidecar("second")]))
    model.settle()
    model.delete()
    assert model.settle() == ["stop/main", "stop/second", "stop/first", "release", "remove"]


def test_a_sidecars_hook_begins_with_the_end_of_the_others_and_is_not_run_twice() -> None:
    hook = {"preStop": {"exec": {"command": ["true"]}}}
    model = Model(pod(initContainers=[sidecar("first", lifecycle=hook), sidecar("second")]))
    model.settle()
    model.delete()
    assert [action.key for action in model.step()] == ["stop/main", "pre-stop/first"]
    assert model.settle() == ["stop/main", "pre-stop/first", "stop/second", "stop/first", "release", "remove"]


def test_a_sidecar_is_not_stopped_while_its_hook_runs_until_the_deadline() -> None:
    hook = {"preStop": {"exec": {"command": ["true"]}}}
    model = Model(pod(initContainers=[sidecar(lifecycle=hook)]))
    model.settle()
    model.delete(grace=30)
    model.end("main")
    model.record.busy["pre-stop/side"] = 1
    assert model.step() == []
    assert model.decision is not None and model.decision.wake_at == model.now + 30
    model.now += 30
    assert [action.key for action in model.step()] == ["stop/side"]


def test_past_the_deadline_nobody_waits_for_a_turn() -> None:
    model = Model(pod(initContainers=[sidecar("first"), sidecar("second")]))
    model.settle()
    model.delete(grace=0)
    assert [action.key for action in model.step()] == ["stop/main", "stop/first", "stop/second"]


def test_sidecars_end_with_the_containers_they_serve() -> None:
    model = Model(pod(initContainers=[sidecar()], restartPolicy="Never"))
    model.settle()
    model.end("main")
    assert model.settle() == ["stop/side", "release"]


def test_a_second_deletion_with_less_grace_hurries() -> None:
    model = Model(pod())
    model.settle()
    model.delete(grace=30)
    (first,) = model.step()
    model.record.busy[first.key] = 1
    model.record.stopping["main"] = model.now + 30
    assert model.step() == []
    model.delete(grace=1)
    (second,) = model.step()
    assert isinstance(second, StopContainer)
    assert second.deadline == model.now + 1


def test_deleting_a_pod_that_never_started_gives_everything_back() -> None:
    model = Model(pod())
    model.delete()
    assert model.settle() == ["release", "remove"]


def test_release_waits_for_what_is_under_way() -> None:
    model = Model(pod())
    model.step()
    model.record.busy["sandbox"] = 1
    model.delete()
    assert model.step() == []
    model.record.busy.clear()
    assert [action.key for action in model.step()] == ["release"]


def test_a_finished_pod_keeps_its_records_until_it_is_deleted() -> None:
    model = Model(pod(restartPolicy="Never"))
    model.settle()
    model.end("main")
    assert model.settle() == ["release"]
    model.delete()
    assert model.settle() == ["remove"]


def test_the_active_deadline_ends_the_pod_with_its_reason() -> None:
    model = Model(pod(activeDeadlineSeconds=60))
    model.settle()
    assert model.decision is not None
    assert model.decision.wake_at == NOW + 60
    assert model.wait(60) == ["stop/main", "release"]
    assert model.record.stop == Stop(
        NOW + 90, DEADLINE_EXCEEDED, "Pod was active on the node longer than the specified deadline"
    )


def test_a_lost_sandbox_is_made_anew_and_everything_in_it() -> None:
    model = Model(pod(initContainers=[container("init")]))
    model.settle()
    model.end("init")
    model.settle()
    model.end("main", 255)
    lost = model.record.sandbox
    assert lost is not None
    model.record.observe_sandbox(replace(lost, state=SandboxState.NOT_READY, ip=""))
    assert model.settle() == ["sandbox", "start/init"]
    assert model.record.sandbox is not None
    assert model.record.sandbox.spec.attempt == 1
    model.end("init")
    assert "start/main" in model.settle()
    assert model.record.runs["main"][-1].spec.attempt == 1


def test_a_never_restarting_pod_gets_no_second_sandbox() -> None:
    model = Model(pod(restartPolicy="Never"))
    model.settle()
    model.end("main", 255)
    lost = model.record.sandbox
    assert lost is not None
    model.record.observe_sandbox(replace(lost, state=SandboxState.NOT_READY, ip=""))
    assert model.settle() == ["release"]


def test_a_container_made_but_not_started_is_made_again() -> None:
    model = Model(pod())
    model.record.volumes_ready = True
    model.record.observe_sandbox(sandbox())
    model.record.observe(run(state="created"))
    assert model.settle() == ["remove-run", "start/main"]


def test_ephemeral_containers_are_started_once() -> None:
    model = Model(pod())
    model.settle()
    model.record.pod = pod(ephemeralContainers=[container("debug")])
    assert model.settle() == ["start/debug"]
    model.end("debug", 1)
    assert model.settle() == []
    assert model.machine.state is PodState.RUNNING


def test_transitions_that_are_not_declared_raise() -> None:
    machine = StateMachine()
    with pytest.raises(IllegalTransition, match="pending → terminated"):
        machine.move(PodState.TERMINATED)


EVENTS = st.sampled_from(["end-ok", "end-bad", "unhealthy", "lose-sandbox", "wait", "delete"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(EVENTS, max_size=12),
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.booleans(),
)
def test_whatever_happens_a_deleted_pod_leaves_nothing(events: list[str], policy: str, with_sidecar: bool) -> None:
    init = [sidecar(), container("init")] if with_sidecar else [container("init")]
    model = Model(pod(container("a"), container("b"), initContainers=init, restartPolicy=policy))
    model.settle()
    for event in [*events, "delete"]:
        running = [name for name in ("init", "side", "a", "b") if model.state_of(name) == "running"]
        if event in ("end-ok", "end-bad") and running:
            model.end(running[0], 0 if event == "end-ok" else 1)
        elif event == "unhealthy" and running:
            model.unhealthy[model.record.runs[running[-1]][-1].id] = StopCause.LIVENESS
        elif event == "lose-sandbox" and model.record.sandbox is not None:
            model.record.observe_sandbox(replace(model.record.sandbox, state=SandboxState.NOT_READY, ip=""))
        elif event == "wait":
            model.now += 400
        elif event == "delete":
            model.delete()
        model.settle()
    assert model.machine.state is PodState.TERMINATED
    assert model.record.removed
    assert all(model.state_of(name) != "running" for name in ("init", "side", "a", "b"))
