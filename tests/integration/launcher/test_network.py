"""The wiring of a cluster, on real links: what one node's death must not do to the others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from podling.launcher import network
from podling.launcher.plan import NETWORK_INDEXES, Cluster
from tests.support.cluster import eventually

FORWARDING = "3"  # BR_STATE_FORWARDING


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A bridge with three nodes; no other test and hardly a cluster has their names and addresses."""
    wired = Cluster(
        id=f"{os.getpid() % 0x1000000:06x}",
        directory=str(tmp_path),
        network_index=NETWORK_INDEXES[-1],
        node_count=3,
        node_cpu=1,
        node_memory=1024**3,
        image_store=str(tmp_path),
        grpc="",
        rest="",
    )
    try:
        network.create_bridge(wired)
        for node in wired.nodes:
            network.create_node(wired, node)
        yield wired
    finally:
        network.remove_all(wired.id)


def wait_forwarding(cluster: Cluster) -> None:
    """The bridge hears a moment later that a link is up."""
    ports = [Path("/sys/class/net") / node.veth / "brport" / "state" for node in cluster.nodes]
    eventually("every port forwards", lambda: all(port.read_text().strip() == FORWARDING for port in ports))


def hardware_address(link: str) -> str:
    return (Path("/sys/class/net") / link / "address").read_text().strip()


def test_the_host_keeps_its_hardware_address_whichever_node_goes(cluster: Cluster) -> None:
    before = hardware_address(cluster.bridge)
    for node in cluster.nodes:
        network.cut_node(node)
        network.remove_node(node)
        assert hardware_address(cluster.bridge) == before
        network.create_node(cluster, node)
        assert hardware_address(cluster.bridge) == before


def test_a_node_that_is_back_is_reached_at_its_first_packet(cluster: Cluster) -> None:
    """Neighbours remember hardware addresses for a minute."""
    first, second, _ = cluster.nodes

    def ping() -> int:
        command = ("ip", "netns", "exec", second.netns, "busybox", "ping", "-c", "1", "-W", "30", first.ip)
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode

    wait_forwarding(cluster)
    assert ping() == 0
    network.cut_node(first)
    network.remove_node(first)
    network.create_node(cluster, first)
    wait_forwarding(cluster)
    assert ping() == 0
