"""In-place resize: what a node grants, what it does about it, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from api.types import Pod
from kubelet.paths import Paths
from kubelet.pods import resize
from kubelet.pods.record import PodRecord
from kubelet.pods.resize import Wish, assess, assess_in_turn, with_allocation
from kubelet.pods.resizer import Resizer, load, save
from kubelet.pods.state import PodState
from kubelet.runtime.base import Resources
from tests.support.kubelet import UID, Model, container, pod

NODE = {"cpu": "2", "memory": "1Gi", "pods": "110"}


def sized(cpu: str, memory: str = "64Mi", **more: Any) -> Pod:
    amounts = {"cpu": cpu, "memory": memory}
    return pod(container(resources={"requests": amounts, "limits": amounts}, **more))


def test_what_exceeds_the_node_is_infeasible_and_what_others_hold_is_deferred() -> None:
    other = sized("1500m")
    assert assess(sized("500m"), [other], NODE) is None
    deferred, infeasible = assess(sized("600m"), [other], NODE), assess(sized("3"), [], NODE)
    assert deferred is not None and deferred.reason == "Deferred"
    assert deferred.message == "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"
    assert infeasible is not None and infeasible.reason == "Infeasible"
    assert infeasible.message == "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"


def test_wishes_wait_their_turn_by_priority_class_and_time() -> None:
    def wish(uid: str, since: float, pod: Pod) -> Wish:
        return Wish(replace(pod, metadata=replace(pod.metadata, uid=uid)), since)

    def burstable(cpu: str) -> Pod:
        return pod(container(resources={"requests": {"cpu": cpu}}))

    important = sized("1")
    important = replace(important, spec=replace(important.spec, priority=1000))
    wishes = [
        wish("later", 2, burstable("1")),
        wish("earlier", 1, burstable("1")),
        wish("guaranteed", 3, sized("1")),
        wish("important", 4, important),
        wish("too-large-for-now", 0, replace(important, spec=sized("2").spec)),
    ]
    held = {each.pod.metadata.uid: burstable("100m") for each in wishes}
    left, granted = wishes[:4], []
    while left:
        [now] = [w for w in left if assess_in_turn(w, [o for o in wishes if o is not w], held, NODE) is None]
        granted.append(now.pod.metadata.uid)
        left.remove(now)
        wishes.remove(now)
        del held[now.pod.metadata.uid]
    assert granted == ["important", "guaranteed", "earlier", "later"]


def test_the_node_lives_with_what_it_allocated_until_it_grants_more() -> None:
    record = PodRecord(sized("500m"))
    record.take(sized("1"))
    assert record.pod.spec.containers[0].resources.limits["cpu"] == "500m"
    assert with_allocation(record.desired, record.allocation) is not record.desired
    record.allocate()
    assert record.pod is record.desired


def settled(first: Pod) -> Model:
    model = Model(first)
    model.settle()
    assert model.machine.state is PodState.RUNNING
    return model


def test_new_limits_reach_a_running_container_without_a_restart() -> None:
    model = settled(sized("500m"))
    model.record.take(sized("1", "128Mi"))
    assert model.settle() == [], "nothing was granted yet"
    model.record.allocate()
    assert model.settle() == ["resize"]
    run = model.record.runs["main"][-1]
    assert (run.spec.resources.cpu_quota, run.spec.resources.memory_limit_bytes) == (100_000, 128 << 20)
    assert run.spec.attempt == 0


def test_a_container_is_restarted_for_the_resource_whose_policy_says_so() -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    model = settled(sized("500m", resizePolicy=policy))
    model.record.take(sized("1", resizePolicy=policy))
    model.record.allocate()
    assert model.settle() == ["resize"], "cpu needs no restart"
    model.record.take(sized("1", "128Mi", resizePolicy=policy))
    model.record.allocate()
    assert model.settle() == ["stop/main", "start/main"]
    assert model.record.runs["main"][-1].spec.attempt == 1


def test_a_memory_request_alone_asks_for_a_restart_too() -> None:
    def burstable(request: str) -> Pod:
        amounts = {"requests": {"memory": request}, "limits": {"memory": "128Mi"}}
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        return pod(container(resources=amounts, resizePolicy=policy))

    model = settled(burstable("32Mi"))
    model.record.take(burstable("64Mi"))
    model.record.allocate()
    assert model.settle() == ["stop/main", "start/main"]


def test_a_limit_below_the_least_quota_shows_as_allocated() -> None:
    least = Resources(cpu_shares=2, cpu_quota=1000, cpu_period=100_000)
    assert resize.shown(sized("5m").spec.containers[0].resources, least).limits["cpu"] == "5m"
    assert resize.shown(sized("1").spec.containers[0].resources, least).limits["cpu"] == "10m"


def test_the_status_shows_what_the_kernel_has() -> None:
    allocated = sized("1", "128Mi").spec.containers[0].resources
    limits = {"cpu_quota": 50_000, "cpu_period": 100_000, "memory_limit_bytes": 64 << 20}
    actual = Resources(cpu_shares=512, memory_request_bytes=32 << 20, **limits)
    shown = resize.shown(allocated, actual)
    assert shown.limits == {"cpu": "500m", "memory": "64Mi"}
    assert shown.requests == {"cpu": "500m", "memory": "32Mi"}


def test_what_was_allocated_is_found_again_by_a_new_kubelet(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path)
    assert load(paths, UID) == {}
    allocation = resize.allocation_of(sized("1"))
    save(paths, UID, allocation)
    assert load(paths, UID) == allocation


def test_a_wish_is_told_once_while_it_waits_and_granted_when_there_is_room(tmp_path: Path) -> None:
    record, told = PodRecord(sized("500m")), list[str]()
    answers = [assess(sized("1"), [sized("1500m")], NODE)] * 2 + [None]
    resizer = Resizer(record, Paths(tmp_path, tmp_path), lambda _: answers.pop(0), lambda *event: told.append(event[1]))
    assert not resizer.consider(ended=False), "nothing is wished"
    record.take(sized("1"))
    assert resizer.consider(ended=False) and resizer.consider(ended=False)
    assert told == ["ResizeDeferred"]
    assert not resizer.consider(ended=False)
    resizer.follow(resizing=False)
    assert told == ["ResizeDeferred", "ResizeStarted", "ResizeCompleted"]
    assert record.resize_pending is None
