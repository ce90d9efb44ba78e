"""The node's status, its routes, its flags, its metric pages."""

from __future__ import annotations

import pytest

from api import codec, quantity
from api.types import Node, NodeCondition, NodeStatus, NodeSystemInfo
from cluster import cgroups
from kubelet import config
from kubelet.metrics.cadvisor import cadvisor_page, resource_page
from kubelet.metrics.usage import ContainerUsage, Interface, NodeUsage, PodUsage
from kubelet.network.routes import plan, wanted_routes
from kubelet.node.status import (
    Identity,
    Measured,
    Size,
    allocatable,
    capacity,
    conditions,
    images,
    same,
    status_of,
)
from kubelet.runtime.base import ContainerStats, ImageStatus
from tests.support.kubelet import pod, run

MIB = 2**20
SIZE = Size(cpu_millis=1500, memory_bytes=1024 * MIB, ephemeral_bytes=1000 * MIB, max_pods=7)
THRESHOLDS = {"memory.available": "100Mi", "nodefs.available": "10%"}


def test_capacity_and_allocatable() -> None:
    assert capacity(SIZE) == {"cpu": "1500m", "ephemeral-storage": "1000Mi", "memory": "1Gi", "pods": "7"}
    assert allocatable(SIZE, THRESHOLDS) == {
        "cpu": "1500m",
        "ephemeral-storage": "900Mi",
        "memory": "924Mi",
        "pods": "7",
    }


def test_quantities_are_in_the_form_the_api_server_keeps() -> None:
    odd = Size(cpu_millis=2000, memory_bytes=3 * 2**30 + 5000, ephemeral_bytes=10**9, max_pods=110)
    for resources in (capacity(odd), allocatable(odd, THRESHOLDS)):
        assert {name: quantity.canonical(text) for name, text in resources.items()} == resources


def test_conditions_keep_their_time_and_others_conditions() -> None:
    first = conditions([NodeCondition(type="NetworkUnavailable", status="False")], set(), [], "t1")
    assert [(found.type, found.status) for found in first] == [
        ("MemoryPressure", "False"),
        ("DiskPressure", "False"),
        ("PIDPressure", "False"),
        ("Ready", "True"),
        ("NetworkUnavailable", "False"),
    ]
    second = conditions(first, {"MemoryPressure"}, ["runtime is down"], "t2")
    times = {found.type: (found.status, found.last_transition_time, found.last_heartbeat_time) for found in second}
    assert times["MemoryPressure"] == ("True", "t2", "t2")
    assert times["DiskPressure"] == ("False", "t1", "t2")
    assert times["Ready"] == ("False", "t2", "t2")
    assert second[3].message == "[runtime is down]"


def test_a_heartbeat_alone_is_not_a_change() -> None:
    identity = Identity("n", "10.0.0.1", 10250, NodeSystemInfo())
    measured = Measured(SIZE, THRESHOLDS, (), [], [])
    first = status_of(identity, measured, NodeStatus(), "t1")
    second = status_of(identity, measured, first, "t2")
    assert first != second
    assert same(first, second)
    assert not same(first, status_of(identity, measured, NodeStatus(volumes_in_use=["x"]), "t1"))


def test_extended_resources_that_people_put_there_stay_and_can_be_had() -> None:
    size = Size(cpu_millis=1000, memory_bytes=2**30, ephemeral_bytes=2**30, max_pods=10)
    identity = Identity(name="n", ip="10.0.0.2", port=10250, info=NodeSystemInfo())
    measured = Measured(size=size, thresholds={}, pressures=(), images=(), problems=())
    previous = NodeStatus(capacity={"cpu": "9", "example.com/dongle": "5"})
    status = status_of(identity, measured, previous, "t")
    assert (status.capacity["cpu"], status.capacity["example.com/dongle"]) == ("1", "5")
    assert status.allocatable["example.com/dongle"] == "5"


def test_the_largest_images_are_listed() -> None:
    found = [ImageStatus(id=str(size), names=[f"i{size}"], size_bytes=size) for size in range(60)]
    assert [image.size_bytes for image in images(found)] == list(range(59, 9, -1))


def node(name: str, cidr: str, address: str) -> Node:
    addresses = [{"type": "InternalIP", "address": address}] if address else []
    tree = {
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr] if cidr else []},
        "status": {"addresses": addresses},
    }
    return codec.from_tree(Node, tree)


def test_routes_lead_to_the_other_nodes() -> None:
    nodes = [
        node("a", "10.1.1.0/24", "10.1.0.2"),
        node("b", "10.1.2.0/24", "10.1.0.3"),
        node("new", "10.1.3.0/24", ""),
        node("bare", "", "10.1.0.4"),
    ]
    assert wanted_routes(nodes, "a") == {"10.1.2.0/24": "10.1.0.3"}


def test_only_what_changed_is_routed_anew() -> None:
    change = plan({"x": "1", "y": "2", "z": "3"}, {"x": "1", "y": "9", "old": "4"})
    assert (change.replace, list(change.delete)) == ({"y": "2", "z": "3"}, ["old"])


def parsed(*flags: str) -> config.Config:
    needed = [
        "--apiserver=127.0.0.1:1",
        "--ca-file=ca",
        "--cert-file=c",
        "--key-file=k",
        "--node-ip=10.1.0.2",
        "--data-dir=data",
        "--run-dir=run",
    ]
    return config.from_args(config.parser().parse_args([*needed, *flags]))


def test_flags() -> None:
    made = parsed(
        "--node-name=n1",
        "--node-cpu=1500m",
        "--node-memory=2Gi",
        "--cluster-dns=10.96.0.10,10.96.0.11",
        "--node-labels=a=b,c=",
        "--register-with-taints=k=v:NoSchedule,only:NoExecute",
        "--eviction-hard=memory.available<5%",
        "--lease-renew-seconds=3",
    )
    assert (made.node.cpu_millis, made.node.memory_bytes) == (1500, 2 * 2**30)
    assert made.node.listen == ("10.1.0.2", 10250)
    assert made.dns.servers == ("10.96.0.10", "10.96.0.11")
    assert made.node.labels == {"a": "b", "c": ""}
    assert made.node.taints == (("k", "v", "NoSchedule"), ("only", "", "NoExecute"))
    assert made.node.eviction_hard == {"memory.available": "5%"}
    assert made.intervals.lease_renew == 3
    assert made.data_dir.is_absolute()


def test_eviction_thresholds_default_to_upstreams() -> None:
    assert parsed().node.eviction_hard == {
        "memory.available": "100Mi",
        "nodefs.available": "10%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
    }


@pytest.mark.parametrize(
    "flag",
    [
        "--node-ip=nowhere",
        "--eviction-hard=cpu<1",
        "--register-with-taints=x",
        "--node-memory=lots",
        "--pod-cidr=1.2.3.4/8",
    ],
)
def test_bad_flags_are_refused_in_words(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parsed(flag)
    assert end.value.code == 2
    assert flag.partition("=")[0] in capsys.readouterr().err


def node_usage() -> NodeUsage:
    stats = ContainerStats(
        id="c1",
        timestamp=1_700_000_000_123_000_000,
        cpu_usage_nanoseconds=1_500_000_000,
        memory_usage_bytes=2048,
        memory_working_set_bytes=1024,
        memory_rss_bytes=512,
        pids=3,
    )
    total = cgroups.Usage(2_000_000_000, 4096, 2048, 1024, 4)
    of_pod = PodUsage(
        pod=pod(),
        sandbox_id="s1",
        cgroup="/kubepods/podx",
        total=total,
        containers=[ContainerUsage(run(id="c1"), stats, "/kubepods/podx/c1")],
        interfaces=[Interface("eth0", 10, 1, 0, 0, 20, 2, 0, 0)],
    )
    return NodeUsage(1_700_000_000_500, 9_000_000_000, 8192, "/n", [of_pod])


def test_cadvisor_page() -> None:
    text = cadvisor_page(node_usage(), 2000, 4096).decode()
    labels = 'container="main",id="/kubepods/podx/c1",image="busybox",name="c1",namespace="default",pod="web"'
    assert f'container_cpu_usage_seconds_total{{{labels},cpu="total"}} 1.5 1700000000123\n' in text
    assert f"container_memory_working_set_bytes{{{labels}}} 1024 1700000000123\n" in text
    of_pod = 'container="",id="/kubepods/podx",image="",name="",namespace="default",pod="web"'
    assert f"container_memory_working_set_bytes{{{of_pod}}} 2048 1700000000500\n" in text
    assert 'name="s1",namespace="default",pod="web",interface="eth0"} 10 1700000000500\n' in text
    assert "machine_cpu_cores 2\n" in text
    assert text.count("# TYPE container_memory_rss gauge\n") == 1
    assert "container_spec_cpu_quota" not in text, "only with a quota"


def test_resource_page() -> None:
    lines = resource_page(node_usage()).decode().splitlines()
    assert (
        'container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} 1.5 1700000000123' in lines
    )
    assert 'pod_memory_working_set_bytes{namespace="default",pod="web"} 2048 1700000000500' in lines
    assert "node_cpu_usage_seconds_total 9 1700000000500" in lines
    assert "resource_scrape_error 0" in lines
