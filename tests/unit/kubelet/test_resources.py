"""QoS classes, cgroup limits and names, OOM scores."""

from __future__ import annotations

from typing import Any

import pytest

from kubelet.containers.resources import (
    QosClass,
    container_resources,
    oom_score_adj,
    pod_cgroup,
    pod_cgroup_resources,
    pod_limits,
    pod_requests,
    qos_class,
    quota,
    shares,
)
from kubelet.runtime.base import Resources
from tests.support.kubelet import container, pod

GIB = 2**30


def sized(
    name: str = "main", requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **more: Any
):
    return container(name, resources={"requests": requests or {}, "limits": limits or {}}, **more)


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([sized()], QosClass.BEST_EFFORT),
        ([sized(requests={"cpu": "0"})], QosClass.BEST_EFFORT),
        ([sized(requests=BOTH, limits=BOTH)], QosClass.GUARANTEED),
        ([sized(requests=BOTH, limits=BOTH), sized("b")], QosClass.BURSTABLE),
        ([sized(requests={"cpu": "1"}, limits={"cpu": "1"})], QosClass.BURSTABLE),
        ([sized(requests={**BOTH, "cpu": "500m"}, limits=BOTH)], QosClass.BURSTABLE),
        ([sized(requests={"example.com/gpu": "1"}, limits={"example.com/gpu": "1"})], QosClass.BEST_EFFORT),
    ],
)
def test_qos_class(containers: list[dict[str, Any]], expected: QosClass) -> None:
    assert qos_class(pod(*containers)) is expected


def test_init_containers_count_for_the_qos_class() -> None:
    assert qos_class(pod(sized(requests=BOTH, limits=BOTH), initContainers=[sized("i")])) is QosClass.BURSTABLE


def test_requests_are_those_of_the_largest_moment() -> None:
    owner = pod(
        sized("a", {"cpu": "100m"}),
        sized("b", {"cpu": "200m"}),
        initContainers=[
            sized("big", {"cpu": "350m"}),
            sized("side", {"cpu": "100m"}, restartPolicy="Always"),
            sized("after", {"cpu": "450m"}),
        ],
        overhead={"cpu": "10m"},
    )
    assert pod_requests(owner) == {"cpu": 560}, "`after` runs beside the sidecar: 450 + 100, and the overhead"


def test_pod_level_resources_go_before_the_sum() -> None:
    owner = pod(sized(requests={"cpu": "100m"}), resources={"requests": {"cpu": "1"}, "limits": {"cpu": "2"}})
    assert pod_requests(owner) == {"cpu": 1000}
    assert pod_limits(owner) == {"cpu": 2000}


@pytest.mark.parametrize(("millis", "expected"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (300_000, 262_144)])
def test_shares(millis: int, expected: int) -> None:
    assert shares(millis) == expected


@pytest.mark.parametrize(("millis", "expected"), [(0, 0), (1, 1000), (100, 10_000), (1500, 150_000)])
def test_quota(millis: int, expected: int) -> None:
    assert quota(millis) == expected


def test_a_container_without_a_cpu_request_weighs_by_its_limit() -> None:
    owner = pod(sized(limits={"cpu": "500m", "memory": "64Mi"}))
    assert container_resources(owner, owner.spec.containers[0], GIB) == Resources(
        cpu_shares=512,
        cpu_quota=50_000,
        cpu_period=100_000,
        memory_limit_bytes=64 * 2**20,
        memory_request_bytes=0,
        oom_score_adj=999,
    )


def test_a_pods_limit_holds_only_when_every_container_has_one() -> None:
    limited = sized("a", {"cpu": "100m"}, {"cpu": "1", "memory": "64Mi"})
    both = pod(limited, sized("b", {"cpu": "100m"}, {"cpu": "1", "memory": "64Mi"}))
    assert pod_cgroup_resources(both) == Resources(
        cpu_shares=204, cpu_quota=200_000, cpu_period=100_000, memory_limit_bytes=128 * 2**20
    )
    one = pod(limited, sized("b"))
    assert pod_cgroup_resources(one) == Resources(cpu_shares=102)
    assert pod_cgroup_resources(pod()) == Resources(cpu_shares=2)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (pod(sized(requests=BOTH, limits=BOTH)), -997),
        (pod(), 1000),
        (pod(priority=2_000_000_000), -997),
        (pod(sized(requests={"memory": "1Gi"})), 750),
        (pod(sized(requests={"cpu": "1"})), 999),
        (pod(sized(requests={"memory": "4Gi"})), 3),
    ],
)
def test_oom_score(owner: Any, expected: int) -> None:
    assert oom_score_adj(owner, owner.spec.containers[0], 4 * GIB) == expected


def test_a_sidecar_is_not_killed_before_the_containers_it_serves() -> None:
    side = sized("side", {"memory": "1Mi"}, restartPolicy="Always")
    owner = pod(sized(requests={"memory": "2Gi"}), initContainers=[side])
    assert oom_score_adj(owner, owner.spec.init_containers[0], 4 * GIB) == 500


def test_cgroup_names() -> None:
    assert pod_cgroup("/", QosClass.GUARANTEED, "u") == "/kubepods/podu"
    assert pod_cgroup("/a/n", QosClass.BEST_EFFORT, "u") == "/a/n/kubepods/besteffort/podu"
    assert pod_cgroup("/a/n/", QosClass.BURSTABLE, "u") == "/a/n/kubepods/burstable/podu"
