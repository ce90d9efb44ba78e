"""Node pressure: when it begins and ends, which pod goes first, what is said of it."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from api.types import Pod
from kubelet.eviction import flags
from kubelet.eviction.ranking import ContainerFigures, PodFigures, exceeded_limit, message, preempted, ranked
from kubelet.eviction.thresholds import Crossed, Observation, Policy, Pressure, Threshold, observe
from kubelet.node.machine import Disk, Usage
from kubelet.pods.admission import NodeFacts, admit, displaced
from tests.support.kubelet import container, pod

MIB = 2**20
MEMORY = Threshold("memory.available", "100Mi", min_reclaim="50Mi")
SOFT = Threshold("memory.available", "200Mi", grace_seconds=30)


def left(memory: int) -> dict[str, Observation]:
    return {"memory.available": Observation(memory * MIB, 1000 * MIB)}


def crossed(pressure: Pressure, memory: int, now: float) -> list[Threshold]:
    return [each.threshold for each in pressure.observe(left(memory), now)]


def test_a_hard_threshold_counts_at_once_and_until_the_minimum_is_reclaimed() -> None:
    pressure = Pressure(Policy((MEMORY,)))
    assert crossed(pressure, 100, 0) == []
    assert crossed(pressure, 99, 1) == [MEMORY]
    assert crossed(pressure, 149, 2) == [MEMORY]
    assert crossed(pressure, 150, 3) == []
    assert crossed(pressure, 149, 4) == []


def test_a_soft_threshold_counts_once_its_grace_is_over() -> None:
    pressure = Pressure(Policy((SOFT,)))
    assert crossed(pressure, 150, 0) == []
    assert pressure.conditions == {"MemoryPressure"}, "the condition does not wait"
    assert crossed(pressure, 250, 20) == [], "and an interruption starts the grace anew"
    assert crossed(pressure, 150, 40) == []
    assert crossed(pressure, 150, 69) == []
    assert crossed(pressure, 150, 70) == [SOFT]


def test_a_condition_outlasts_its_cause_by_the_transition_period() -> None:
    pressure = Pressure(Policy((MEMORY,), transition_seconds=300))
    crossed(pressure, 50, 0)
    crossed(pressure, 500, 299)
    assert pressure.conditions == {"MemoryPressure"}
    crossed(pressure, 500, 300)
    assert pressure.conditions == frozenset()


def test_memory_is_relieved_before_disk_and_shares_are_of_the_capacity() -> None:
    policy = Policy((Threshold("nodefs.available", "10%"), Threshold("memory.available", "10%")))
    disk = Disk(1000, 99, 100, 50)
    found = Pressure(policy).observe(observe(Usage(1000, 99, disk, disk, 10, 10)), 0)
    assert [each.resource for each in found] == ["memory", "ephemeral-storage"]


def test_a_file_system_that_counts_no_inodes_cannot_run_out() -> None:
    disk = Disk(1000, 900, 0, 0)
    assert "nodefs.inodesFree" not in observe(Usage(1, 1, disk, disk, 1, 1))


def named(name: str, memory: str = "0", *, priority: int = 0, **spec: Any) -> Pod:
    resources = {"requests": {"memory": memory}}
    return pod(container(resources=resources), meta={"name": name, "uid": name}, priority=priority, **spec)


def test_who_exceeds_its_request_goes_first_then_low_priority_then_the_largest_excess() -> None:
    figures = [
        PodFigures(named("within", "100Mi"), 90 * MIB),
        PodFigures(named("important", "10Mi", priority=10), 500 * MIB),
        PodFigures(named("small", "10Mi"), 20 * MIB),
        PodFigures(named("large", "10Mi"), 30 * MIB),
        PodFigures(named("critical", priority=2_000_000_000), 900 * MIB),
        PodFigures(pod(meta={"uid": "s", "annotations": {"kubernetes.io/config.source": "file"}}), 900 * MIB),
    ]
    order = [each.pod.metadata.name for each in ranked(figures, "memory")]
    assert order == ["large", "small", "important", "within"]


def test_the_message_names_quantities_and_the_containers_above_their_request() -> None:
    low = Crossed(MEMORY, Observation(50 * MIB, 1000 * MIB))
    figures = PodFigures(named("p", "10Mi"), 20 * MIB, containers={"main": ContainerFigures(20 * MIB)})
    assert message(low, figures) == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container main was using 20Mi, request is 10Mi, has larger consumption of memory. "
    )


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        (
            PodFigures(pod(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]), volumes={"v": 2 * MIB}),
            'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
        ),
        (
            PodFigures(
                pod(container("a", resources={"limits": {"ephemeral-storage": "1Mi"}}), container("b")),
                containers={"b": ContainerFigures(disk_bytes=2 * MIB)},
            ),
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
        ),
        (
            PodFigures(
                pod(
                    container("a", resources={"limits": {"ephemeral-storage": "1Mi"}}),
                    container("b", resources={"limits": {"ephemeral-storage": "9Mi"}}),
                ),
                containers={"a": ContainerFigures(disk_bytes=2 * MIB)},
            ),
            'Container a exceeded its local ephemeral storage limit "1Mi". ',
        ),
        (PodFigures(pod(volumes=[{"name": "v", "emptyDir": {}}]), volumes={"v": 2 * MIB}), None),
    ],
)
def test_a_pod_over_its_own_limits_is_ended_whatever_the_node_has_left(figures: PodFigures, text: str | None) -> None:
    assert exceeded_limit(figures) == text


def test_a_node_under_pressure_takes_no_best_effort_pods() -> None:
    def reason(new: Pod, *pressures: str) -> str | None:
        rejection = admit(new, [], NodeFacts("node-1", {}, [], {}, pressures=pressures))
        return rejection.message if rejection is not None else None

    tolerant = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}
    assert reason(pod(), "MemoryPressure") == "The node had condition: [MemoryPressure]. "
    assert reason(pod(tolerations=[tolerant]), "MemoryPressure") is None
    assert reason(named("burstable", "1Mi"), "MemoryPressure") is None
    assert reason(named("burstable", "1Mi"), "DiskPressure") == "The node had condition: [DiskPressure]. "
    assert reason(pod(priority=2_000_000_000), "DiskPressure") is None


def test_a_critical_pod_displaces_the_fewest_of_the_least_important() -> None:
    critical = named("critical", priority=2_000_000_000)
    low, high, other = named("low", "50Mi"), named("high", "50Mi", priority=5), named("big", "100Mi", priority=1)
    rivals = [high, low, other, named("peer", "1Gi", priority=2_000_000_000)]
    assert preempted(critical, rivals, {"memory": 40 * MIB}) == [low]
    assert preempted(critical, rivals, {"memory": 120 * MIB}) == [low, other]
    assert preempted(critical, rivals, {"memory": 900 * MIB}) is None


def test_a_critical_pod_that_does_not_fit_takes_the_place_of_others() -> None:
    node = NodeFacts("node-1", {}, [], {"memory": "100Mi", "pods": "110"})
    critical, other = named("critical", "60Mi", priority=2_000_000_000), named("other", "60Mi")
    assert admit(critical, [other], node) is not None
    assert displaced(critical, [other], node) == [other]
    assert displaced(named("plain", "60Mi"), [other], node) == []
    assert displaced(named("huge", "200Mi", priority=2_000_000_000), [other], node) == []


def parsed(*words: str) -> Policy:
    parser = argparse.ArgumentParser()
    flags.add_flags(parser.add_argument_group("eviction"))
    return flags.from_args(parser.parse_args(words))


def test_the_flags_are_upstreams() -> None:
    policy = parsed(
        "--eviction-hard=memory.available<10%",
        "--eviction-soft=memory.available<300Mi",
        "--eviction-soft-grace-period=memory.available=1m30s",
        "--eviction-minimum-reclaim=memory.available=5Mi",
        "--eviction-max-pod-grace-period=7",
        "--eviction-pressure-transition-period=30s",
    )
    assert policy.thresholds == (
        Threshold("memory.available", "10%", None, "5Mi"),
        Threshold("memory.available", "300Mi", 90.0, "5Mi"),
    )
    assert (policy.transition_seconds, policy.max_pod_grace_seconds) == (30.0, 7)


@pytest.mark.parametrize(
    "words", [["--eviction-soft=memory.available<1Mi"], ["--eviction-hard=memory<1Mi"], ["--eviction-hard=x"]]
)
def test_flags_that_mean_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises((SystemExit, argparse.ArgumentTypeError)):
        parsed(*words)
