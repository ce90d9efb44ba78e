"""A node and its pods with addresses of both IP families: what is told of them, and to whom."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from api import codec
from api.types import Node, NodeStatus, NodeSystemInfo
from kubelet import config
from kubelet.config import NodeConfig
from kubelet.containers.fields import PodFacts, pod_field
from kubelet.containers.names import hosts_file
from kubelet.network.routes import wanted_routes
from kubelet.node.reporter import Registration
from kubelet.node.status import Identity, Measured, Size
from kubelet.node.status import status_of as node_status_of
from kubelet.pods.state import PodState
from kubelet.pods.status import Report, status_of
from kubelet.pods.view import View
from kubelet.runtime.base import SandboxStatus
from tests.support.kubelet import container, pod, sandbox

CIDRS = ("10.128.1.0/24", "fd70:6f64:1:1::/64")
ADDRESSES = ("10.128.0.2", "fd70:6f64:1::2")


def told(**more: object) -> NodeConfig:
    flags = {"node-name": "n", "node-ip": ",".join(ADDRESSES), "pod-cidr": ",".join(CIDRS), **more}
    required = {"apiserver": "127.0.0.1:1", "ca-file": "/a", "cert-file": "/b", "key-file": "/c"}
    places = {"data-dir": "/d", "run-dir": "/r", "cgroup-root": "/g", "image-store": "/i", "status-address": "[::]:1"}
    every = {**required, **places, **flags}
    args = config.parser().parse_args([f"--{name}={value}" for name, value in every.items()])
    return config.from_args(args).node


def test_flags_name_an_address_and_a_network_of_each_family() -> None:
    node = told()
    assert (node.ip, node.second_ip) == ADDRESSES
    assert (node.pod_cidr, node.second_pod_cidr) == CIDRS
    assert node.listen == (ADDRESSES[0], 10250)
    alone = told(**{"node-ip": ADDRESSES[0], "pod-cidr": ""})
    assert (alone.ip, alone.second_ip, alone.pod_cidr, alone.second_pod_cidr) == (ADDRESSES[0], "", "", "")


@pytest.mark.parametrize("given", ["10.0.0.1,10.0.0.2", "fd00::1,10.0.0.1", "10.0.0.1,fd00::1,fd00::2", ""])
def test_other_flags_are_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        told(**{"node-ip": given})
    assert "neither one, nor one of IPv4 and then one of IPv6" in capsys.readouterr().err


def test_the_node_registers_with_both_networks_and_tells_both_addresses() -> None:
    assert Registration.of(told()).node().spec.pod_cidrs == list(CIDRS)
    identity = Identity("n", ADDRESSES[0], 10250, NodeSystemInfo(), ADDRESSES[1])
    size = Size(cpu_millis=1000, memory_bytes=2**30, ephemeral_bytes=2**30, max_pods=10)
    measured = Measured(size=size, thresholds={}, pressures=(), images=(), problems=())
    addresses = node_status_of(identity, measured, NodeStatus(), "t").addresses
    assert [entry.address for entry in addresses if entry.type == "InternalIP"] == list(ADDRESSES)


def node(name: str, number: int) -> Node:
    addresses = [f"10.128.0.{number + 1}", f"fd70:6f64:1::{number + 1}"]
    tree = {
        "metadata": {"name": name},
        "spec": {"podCIDRs": [f"10.128.{number}.0/24", f"fd70:6f64:1:{number}::/64"]},
        "status": {"addresses": [{"type": "InternalIP", "address": address} for address in addresses]},
    }
    return codec.from_tree(Node, tree)


def test_each_familys_route_leads_over_that_familys_address() -> None:
    assert wanted_routes([node("a", 1), node("b", 2)], "a") == {
        "10.128.2.0/24": "10.128.0.3",
        "fd70:6f64:1:2::/64": "fd70:6f64:1::3",
    }


def report(standing: SandboxStatus, *, host_network: bool = False) -> Report:
    owner = pod(container())
    if host_network:
        owner = replace(owner, spec=replace(owner.spec, host_network=True))
    return Report(
        view=View(pod=owner, now=0.0, sandbox=standing),
        state=PodState.RUNNING,
        node_ip=ADDRESSES[0],
        runtime_name="runc",
        previous=owner.status,
        second_node_ip=ADDRESSES[1],
    )


def test_a_pods_status_tells_both_of_its_addresses_and_its_hosts() -> None:
    status = status_of(report(replace(sandbox(), ip="10.128.1.2", second_ip="fd70:6f64:1:1::2")))
    assert (status.pod_ip, status.host_ip) == ("10.128.1.2", ADDRESSES[0])
    assert [entry.ip for entry in status.pod_ips] == ["10.128.1.2", "fd70:6f64:1:1::2"]
    assert [entry.ip for entry in status.host_ips] == list(ADDRESSES)


def test_a_pod_on_the_nodes_network_has_both_of_the_nodes() -> None:
    status = status_of(report(replace(sandbox(), ip=""), host_network=True))
    assert [entry.ip for entry in status.pod_ips] == list(ADDRESSES)


def test_containers_are_told_both() -> None:
    owner = pod(container())
    facts = PodFacts("10.128.1.2", ADDRESSES[0], {}, "fd70:6f64:1:1::2", ADDRESSES[1])
    assert pod_field(owner, "status.podIPs", facts) == "10.128.1.2,fd70:6f64:1:1::2"
    assert pod_field(owner, "status.hostIPs", facts) == ",".join(ADDRESSES)
    assert pod_field(owner, "status.podIP", facts) == "10.128.1.2"
    lines = hosts_file(owner, ["10.128.1.2", "fd70:6f64:1:1::2"], "cluster.local", "").splitlines()
    assert lines[-2:] == [f"10.128.1.2\t{owner.metadata.name}", f"fd70:6f64:1:1::2\t{owner.metadata.name}"]
