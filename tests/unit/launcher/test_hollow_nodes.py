"""Hollow nodes in the plan: as few processes as hold them, each with its own identity, addresses and pace."""

from __future__ import annotations

import pytest

from kubelet.hollow import config
from podling.launcher import processes
from podling.launcher.errors import LauncherError
from podling.launcher.plan import HOLLOW_NODES_PER_PROCESS, Cluster
from podling.launcher.stored_plan import check_counts
from tests.support.plans import plan


def cluster(hollow: int, nodes: int = 0) -> Cluster:
    return plan(node_count=nodes, hollow_node_count=hollow)


def started(hollow: int) -> list[config.Config]:
    """What each process of hollow nodes is told."""
    commands = [process.argv for process in processes.hollow(cluster(hollow))]
    assert all(argv[1:3] == ("-m", "kubelet.hollow") for argv in commands)
    return [config.from_args(config.parser().parse_args(argv[3:])) for argv in commands]


@pytest.mark.parametrize(
    ("hollow", "counts"),
    [(0, []), (1, [1]), (HOLLOW_NODES_PER_PROCESS, [2500]), (5001, [2500, 2500, 1])],
)
def test_so_many_are_one_process(hollow: int, counts: list[int]) -> None:
    assert [told.count for told in started(hollow)] == counts
    assert [told.group for told in started(hollow)] == [f"hollow-{number + 1}" for number in range(len(counts))]


def test_no_two_nodes_share_an_address() -> None:
    told = started(5001)
    nodes = [each.address(index) for each in told for index in range(each.count)]
    pods = [each.pod_addresses(index) for each in told for index in range(each.count)]
    assert len(set(nodes)) == len(set(pods)) == 5001
    assert len({process.status for process in processes.hollow(cluster(5001))}) == 3


def test_zones_go_on_from_group_to_group() -> None:
    zones = [each.zone(index) for each in started(2502) for index in range(each.count)]
    assert zones[:4] == ["zone-1", "zone-2", "zone-3", "zone-1"]
    assert [zones.count(zone) for zone in ("zone-1", "zone-2", "zone-3")] == [834, 834, 834]


@pytest.mark.parametrize(("hollow", "renew", "duration"), [(10, 10.0, 30), (1000, 10.0, 30), (5000, 50.0, 150)])
def test_leases_together_stay_below_a_rate(hollow: int, renew: float, duration: int) -> None:
    for told in started(hollow):
        assert (told.intervals.lease_renew, told.intervals.lease_duration) == (renew, duration)


def test_hollow_nodes_do_not_take_the_cpu_from_the_control_plane_but_are_not_starved() -> None:
    shares = [process.cpu_shares for process in processes.hollow(cluster(5000))]
    assert all(0 < share < 1024 for share in shares)
    assert not any(process.cpu_shares for process in processes.control_plane(cluster(5000)))


def test_a_cluster_has_nodes_of_some_kind() -> None:
    check_counts(cluster(hollow=1, nodes=0))
    check_counts(cluster(hollow=0, nodes=1))
    for hollow, nodes in ((0, 0), (10_001, 1), (-1, 1), (1, 251)):
        with pytest.raises(LauncherError, match="must be between"):
            check_counts(cluster(hollow, nodes))
