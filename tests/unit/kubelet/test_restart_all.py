"""All containers of a pod begin anew because one exited in a way that asks for it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubelet.pods.state import PodState
from kubelet.pods.status import Report, status_of
from kubelet.pods.view import NANOSECONDS
from tests.support.kubelet import Model, container, pod

RULES = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [88]}}]


def watcher(name: str = "watcher", **more: Any) -> dict[str, Any]:
    return container(name, restartPolicy="Never", restartPolicyRules=RULES, **more)


def running(*containers: dict[str, Any], **spec: Any) -> Model:
    """A pod that has come up; an init container called `init` has done its work."""
    model = Model(pod(*containers, restartPolicy="Never", **spec))
    model.settle()
    if "init" in model.record.runs:
        model.end("init")
        model.settle()
    model.now += 5
    return model


def told(model: Model) -> Any:
    view = model.record.view(model.now, model.started, model.unhealthy)
    waiting = model.decision.waiting if model.decision is not None else {}
    report = Report(view, model.machine.state, "10.1.0.2", "runc", model.record.pod.status, waiting)
    return status_of(report)


def condition(model: Model) -> tuple[str, str]:
    found = next(each for each in told(model).conditions if each.type == "AllContainersRestarting")
    return found.status, found.reason


def test_all_are_stopped_and_begin_anew_in_order_in_the_same_sandbox() -> None:
    model = running(watcher(), container("work"), initContainers=[container("init")])
    assert condition(model) == ("False", "")
    model.end("watcher", 88)
    assert [action.key for action in model.step()] == ["stop/work"]
    assert condition(model) == ("True", "RestartAllContainersStarted")
    assert told(model).phase == "Pending"
    assert model.settle() == ["stop/work", "start/init"]
    assert told(model).phase == "Pending"
    model.end("init")
    assert model.settle() == ["start/watcher", "start/work"]
    assert model.machine.state is PodState.RUNNING
    assert len(model.record.sandboxes) == 1
    status = told(model)
    everyone = [*status.init_container_statuses, *status.container_statuses]
    assert [each.restart_count for each in everyone] == [1, 1, 1]
    assert {each.name: each.last_state.terminated.exit_code for each in everyone} == {
        "init": 0,
        "watcher": 88,
        "work": 0,
    }
    assert condition(model) == ("False", "")


def test_other_exits_end_a_pod_that_never_restarts_as_ever() -> None:
    model = running(watcher(), container("work"))
    model.end("watcher", 1)
    model.end("work")
    assert model.settle() == ["release"]


def test_those_that_had_succeeded_run_again() -> None:
    model = running(watcher(), container("work"))
    model.end("work")
    assert model.settle() == []
    model.now += 1
    model.end("watcher", 88)
    assert model.settle() == ["start/watcher", "start/work"]


def test_an_init_container_can_ask_for_it_too() -> None:
    model = Model(pod(container("work"), initContainers=[container("one"), watcher("two")], restartPolicy="Never"))
    model.settle()
    model.now += 1
    model.end("one")
    model.settle()
    model.now += 1
    model.end("two", 88)
    assert model.settle() == ["start/one"]
    model.now += 1
    model.end("one", 1)
    assert model.settle() == ["release"], "a failure after it counts as any other"


def test_a_sidecar_is_stopped_without_taking_turns() -> None:
    side = container("side", restartPolicy="Always", restartPolicyRules=RULES)
    model = running(container("work"), initContainers=[side, container("init")])
    model.end("side", 88)
    assert model.settle() == ["stop/work", "start/side", "start/init"]
    model.end("init")
    assert model.settle() == ["start/work"]


def test_again_and_again_it_backs_off_all_together() -> None:
    model = running(watcher(), container("work"))
    model.end("watcher", 88)
    assert model.settle() == ["stop/work", "start/watcher", "start/work"]
    model.now += 1
    model.end("watcher", 88)
    assert "start/work" not in model.settle()
    assert model.decision is not None
    assert model.decision.waiting["watcher"].reason == "CrashLoopBackOff"
    assert model.wait(10)[:2] == ["start/watcher", "start/work"]


def test_what_was_being_started_meanwhile_begins_anew_as_well() -> None:
    model = running(watcher(), container("work"), initContainers=[container("init")])
    model.record.runs.pop("work")
    model.record.busy["start/work"] = 1
    model.end("watcher", 88)
    assert model.step() == [], "what is being started cannot be stopped yet"
    model.now += 3
    model.record.busy.clear()
    model.settle()
    assert model.log[-1] == "start/init"


def test_a_deleted_pod_does_not_begin_anew() -> None:
    model = running(watcher(), container("work"))
    model.delete()
    model.end("watcher", 88)
    assert model.settle() == ["stop/work", "release", "remove"]


def test_ephemeral_containers_are_stopped_and_stay_so() -> None:
    debugger = {"name": "debug", "image": "busybox"}
    model = running(watcher(), ephemeralContainers=[debugger])
    assert model.state_of("debug") == "running"
    model.end("watcher", 88)
    assert model.settle() == ["stop/debug", "start/watcher"]
    assert model.state_of("debug") == "exited"


def test_what_was_being_started_when_the_exit_came_begins_anew_after_the_init_containers() -> None:
    model = running(watcher(), container("work"), initContainers=[container("init")])
    model.end("watcher", 88)
    # Its start was under way already: its record is younger than the exit.
    (begun,) = model.record.runs["work"]
    model.record.runs["work"] = [replace(begun, created_at=begun.created_at + 10 * NANOSECONDS)]
    model.now += 20
    model.settle()
    model.end("init")
    assert "start/work" in model.settle()
    assert [run.state.name for run in model.record.runs["work"]] == ["EXITED", "RUNNING"]
