"""The runtime without processes: what annotations say happens, and a new process finds the pods again."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from api.types import Pod, PodStatus
from kubelet.hollow.executor import HollowExecutor
from kubelet.hollow.prober import HollowProber
from kubelet.paths import Paths
from kubelet.pods.decide import decide
from kubelet.pods.phase import Running
from kubelet.pods.record import PodRecord
from kubelet.pods.state import PodState, StateMachine
from kubelet.pods.status import Report, status_of
from kubelet.pods.view import View
from kubelet.probes.prober import Probed
from kubelet.runtime.base import (
    ContainerSpec,
    ContainerState,
    InvalidConfig,
    NotRunning,
    RuntimeFailure,
    SandboxSpec,
    SandboxState,
    StartFailure,
)
from kubelet.runtime.base import ContainerStatus as Run
from kubelet.runtime.hollow.behaviour import Behaviour, annotations_of, behaviour_of
from kubelet.runtime.hollow.restore import containers_of, sandbox_of
from kubelet.runtime.hollow.runtime import NAME, HollowRuntime
from tests.support.kubelet import NOW, UID, container, pod

ADDRESSES = IPv4Network("100.64.7.0/24")


def hollow_pod(annotations: dict[str, str] | None = None, **spec: Any) -> Pod:
    said = {f"hollow.podling.io/{name}": value for name, value in (annotations or {}).items()}
    return pod(meta={"annotations": said}, **spec)


async def sandbox(runtime: HollowRuntime, uid: str = UID) -> str:
    return (await runtime.run_sandbox(SandboxSpec(pod_uid=uid, pod_name="web", pod_namespace="default"))).id


async def started(runtime: HollowRuntime, attempt: int = 0, **annotations: str) -> Run:
    said = annotations_of(hollow_pod({key.replace("_", "-"): value for key, value in annotations.items()}), "main")
    spec = ContainerSpec(sandbox_id=await sandbox(runtime), name="main", image="web", attempt=attempt, annotations=said)
    return await runtime.start_container((await runtime.create_container(spec)).id)


async def ended(runtime: HollowRuntime) -> Run:
    async for event in runtime.events():
        return await runtime.container_status(event.container_id)
    raise AssertionError("the events ended")


async def test_a_container_runs_until_it_is_stopped() -> None:
    runtime = HollowRuntime(ADDRESSES)
    run = await started(runtime)
    assert run.state is ContainerState.RUNNING
    await runtime.stop_container(run.id, 30)
    stopped = await ended(runtime)
    assert (stopped.state, stopped.exit_code, stopped.reason) == (ContainerState.EXITED, 0, "Completed")


@pytest.mark.parametrize(
    ("attempt", "annotations", "code"),
    [
        (0, {"exit_code": "3"}, 3),
        (1, {"exit_code": "3"}, 3),
        (0, {"failures": "1"}, 1),
        (1, {"failures": "1"}, 0),
        (1, {"failures": "2", "exit_code": "9"}, 9),
        (0, {}, 0),
    ],
)
async def test_it_ends_by_itself_with_the_code_asked_for(attempt: int, annotations: dict[str, str], code: int) -> None:
    runtime = HollowRuntime(ADDRESSES)
    await started(runtime, attempt, run_seconds="0", **annotations)
    run = await ended(runtime)
    assert (run.exit_code, run.reason) == (code, "Error" if code else "Completed")


async def test_what_outlasts_its_grace_is_killed() -> None:
    runtime = HollowRuntime(ADDRESSES)
    run = await started(runtime, stop_seconds="60")
    await runtime.stop_container(run.id, 0)
    assert (await ended(runtime)).exit_code == 137


async def test_a_start_may_fail() -> None:
    runtime = HollowRuntime(ADDRESSES)
    with pytest.raises(StartFailure, match="no such file"):
        await started(runtime, start_error="no such file")
    (run,) = await runtime.list_containers()
    assert (run.state, run.exit_code, run.reason) == (ContainerState.EXITED, 128, "StartError")


def test_one_container_may_behave_otherwise_and_init_containers_end() -> None:
    said = hollow_pod({"run-seconds": "9", "run-seconds.side": "1"}, initContainers=[container("first")])
    assert behaviour_of(annotations_of(said, "main"), "main").run_seconds == 9
    assert behaviour_of(annotations_of(said, "side"), "side").run_seconds == 1
    assert behaviour_of(annotations_of(said, "first"), "first").run_seconds == 0
    assert behaviour_of({}, "main") == Behaviour()


@pytest.mark.parametrize(
    "annotations", [{"run-seconds": "soon"}, {"run-seconds": "-1"}, {"exit-code": "256"}, {"ready-seconds": "nan"}]
)
def test_what_is_no_number_is_refused(annotations: dict[str, str]) -> None:
    with pytest.raises(InvalidConfig, match=r"annotation hollow\.podling\.io/"):
        behaviour_of(annotations_of(hollow_pod(annotations), "main"), "main")


async def test_addresses_are_given_once_and_given_back() -> None:
    runtime = HollowRuntime(IPv4Network("100.64.7.0/29"))
    ids = [await sandbox(runtime, f"uid-{number}") for number in range(5)]
    given = [(await runtime.sandbox_status(id)).ip for id in ids]
    assert len(set(given)) == 5
    with pytest.raises(RuntimeFailure, match="no address is left"):
        await sandbox(runtime, "one-too-many")
    await runtime.stop_sandbox(ids[2])
    assert (await runtime.sandbox_status(await sandbox(runtime, "the-next"))).ip == given[2]


async def test_a_sandbox_takes_its_containers_with_it() -> None:
    runtime = HollowRuntime(ADDRESSES)
    run = await started(runtime)
    await runtime.stop_sandbox(run.sandbox_id)
    assert (await runtime.container_status(run.id)).exit_code == 137
    await runtime.remove_sandbox(run.sandbox_id)
    assert (await runtime.list_containers(), await runtime.list_sandboxes()) == ([], [])


async def test_there_is_no_process_to_talk_to() -> None:
    runtime = HollowRuntime(ADDRESSES)
    run = await started(runtime)
    with pytest.raises(NotRunning):
        await runtime.exec(run.id, ["ls"])


async def test_a_new_process_finds_a_pod_as_its_status_has_it() -> None:
    """Round trip: what the status says of a running pod is enough to go on with it."""
    before = HollowRuntime(ADDRESSES)
    run = await started(before, attempt=2)
    home = await before.sandbox_status(run.sandbox_id)
    view = View(pod=hollow_pod(), now=NOW, sandbox=home, runs={"main": [run]}, start_time=NOW)
    status = status_of(Report(view, PodState.RUNNING, "198.18.0.1", NAME, PodStatus()))
    known = replace(hollow_pod(), status=status)
    restored = sandbox_of(known)
    assert restored is not None
    assert (restored.ip, restored.state) == (home.ip, SandboxState.READY)
    after = HollowRuntime(ADDRESSES)
    after.restore([restored], containers_of(known, restored))
    (again,) = await after.list_containers()
    assert (again.id, again.state, again.spec.attempt, again.sandbox_id) == (
        run.id,
        ContainerState.RUNNING,
        2,
        restored.id,
    )
    assert again.started_at // 10**9 == run.started_at // 10**9


def test_a_pod_that_has_ended_is_not_taken_up_again() -> None:
    ended_pod = hollow_pod(status={"phase": "Succeeded", "podIP": "100.64.7.2"})
    assert sandbox_of(ended_pod) is None
    assert sandbox_of(hollow_pod(status={"phase": "Pending"})) is None


async def test_what_should_have_ended_meanwhile_ends_now() -> None:
    state = {"running": {"startedAt": "2020-01-01T00:00:00Z"}}
    running = {"name": "main", "image": "web", "containerID": f"{NAME}://abc", "restartCount": 0, "state": state}
    known = hollow_pod(
        {"run-seconds": "5"}, status={"phase": Running, "podIP": "100.64.7.2", "containerStatuses": [running]}
    )
    home = sandbox_of(known)
    assert home is not None
    runtime = HollowRuntime(ADDRESSES)
    runtime.restore([home], containers_of(known, home))
    assert (await ended(runtime)).id == "abc"


async def test_readiness_comes_when_the_pod_says() -> None:
    runtime = HollowRuntime(ADDRESSES)
    woken: list[str] = []
    prober = HollowProber(runtime, lambda: woken.append("changed"))
    slow, quick = await started(runtime, ready_seconds="600"), await started(runtime)
    main = hollow_pod().spec.containers[0]
    now = slow.started_at / 10**9
    prober.follow([Probed(main, slow.id, now), Probed(main, quick.id, now)], "100.64.7.2")
    assert (prober.started, prober.ready) == ({slow.id, quick.id}, {quick.id})
    prober.follow([Probed(main, quick.id, now)], "100.64.7.2")
    assert prober.started == {quick.id}
    # A former process knew it to be ready.
    prober.follow([Probed(main, slow.id, now, was_ready=True)], "100.64.7.2")
    assert prober.ready == {slow.id}
    await prober.close()


class Silent:
    def record(self, *_: object, **__: object) -> None:
        """Nobody is told."""


async def settled(state: StateMachine, record: PodRecord, executor: HollowExecutor) -> list[str]:
    """Carry out what is decided until nothing is; the keys of the actions."""
    done: list[str] = []
    for _ in range(20):
        decision = decide(state.state, record.view(NOW, set(), {}))
        moved = state.move(decision.state)
        for action in decision.actions:
            await executor.carry_out(action)
            done.append(action.key)
        if not moved and not decision.actions:
            return done
    raise AssertionError(f"never settled: {done}")


async def test_a_pod_settles_and_is_resized_once(tmp_path: Path) -> None:
    asks = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}
    runtime, record = HollowRuntime(ADDRESSES), PodRecord(pod(container(resources=asks)))
    executor = HollowExecutor(record, runtime, Silent(), Paths(tmp_path, tmp_path), lambda: None)  # type: ignore[arg-type]
    state = StateMachine()
    assert await settled(state, record, executor) == ["volumes", "sandbox", "start/main"]
    assert state.state is PodState.RUNNING
    record.take(pod(container(resources={**asks, "limits": {"cpu": "3"}})))
    record.allocate()
    assert await settled(state, record, executor) == ["resize"]
    record.end_deleted(NOW)
    record.gone = True
    assert await settled(state, record, executor) == ["stop/main", "release", "remove"]
    assert await runtime.list_sandboxes() == []
