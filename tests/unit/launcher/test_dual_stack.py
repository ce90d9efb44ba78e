"""What `podling up --dual-stack` adds to a cluster, and that nothing changes without it."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from podling.launcher import preflight, processes, stored_plan
from podling.launcher.errors import LauncherError
from podling.launcher.plan import NETWORK_INDEXES, Cluster
from podling.launcher.stored_plan import Options
from tests.support.plans import plan

PLAIN = plan()
DUAL = replace(PLAIN, dual_stack=True)


def flags(cluster: Cluster) -> dict[str, set[str]]:
    """Each process's command line."""
    every = [*processes.control_plane(cluster), *processes.on_node(cluster, cluster.node(1))]
    return {process.name: set(process.argv) for process in every}


def test_a_cluster_is_of_ipv4_alone_unless_asked() -> None:
    assert not any("fd70" in flag for argv in flags(PLAIN).values() for flag in argv)
    assert not any(flag.startswith("--service-cidr") for flag in flags(PLAIN)["kube-proxy-node-1"])


def test_every_component_is_told_both_families() -> None:
    told = flags(DUAL)
    services = "--service-cidr=10.96.0.0/16,fd70:6f64:ffff::/112"
    assert services in told["apiserver"] & told["kube-proxy-node-1"]
    pools = "--load-balancer-addresses=10.130.255.0/24,fd70:6f64:3:ff00::/112"
    assert pools in told["controllers"] & told["kube-proxy-node-1"]
    node = {"--node-ip=10.130.0.2,fd70:6f64:3::2", "--pod-cidr=10.130.1.0/24,fd70:6f64:3:1::/64"}
    assert node <= told["kubelet-node-1"] & told["kube-proxy-node-1"]


def test_no_two_networks_of_clusters_nodes_and_services_overlap() -> None:
    networks = []
    for index in NETWORK_INDEXES:
        cluster = replace(DUAL, network_index=index, node_count=3)
        bridge = ipaddress.ip_network(f"{cluster.host_ip_v6}/64", strict=False)
        assert all(ipaddress.ip_address(node.ip_v6) in bridge for node in cluster.nodes)
        networks += [bridge, *(ipaddress.ip_network(node.pod_cidr_v6) for node in cluster.nodes)]
        networks.append(ipaddress.ip_network(cluster.load_balancer_addresses_v6))
    networks.append(ipaddress.ip_network(DUAL.service_cidrs[1]))
    starts = sorted((network.network_address, network.broadcast_address) for network in networks)
    assert all(before[1] < after[0] for before, after in pairwise(starts))


@pytest.mark.parametrize(("cluster", "asked"), [(PLAIN, True), (DUAL, False)])
def test_a_clusters_families_are_for_good(cluster: Cluster, asked: bool) -> None:
    with pytest.raises(LauncherError, match=r"for good: --(no-)?dual-stack needs another --dir"):
        stored_plan.check_families(cluster, Options(dual_stack=asked))
    stored_plan.check_families(cluster, Options(dual_stack=not asked))
    stored_plan.check_families(cluster, Options())


def test_a_kernel_without_ipv6_is_told_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "IPV6", tmp_path / "none")
    preflight.check_families(PLAIN)
    with pytest.raises(LauncherError, match="no IPv6"):
        preflight.check_families(DUAL)
