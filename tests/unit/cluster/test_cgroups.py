"""Cgroups on trees of plain files: the kernel's layouts that this machine may not have."""

from pathlib import Path

import pytest

from cluster.cgroups import CgroupFailure, Cgroups, Usage, weight_of_shares
from kubelet.runtime.base import Resources

POD = "/podling/n1/kubepods/pod1"
LIMITS = Resources(cpu_shares=1024, cpu_quota=50_000, cpu_period=100_000, memory_limit_bytes=1 << 26, pids_limit=100)


@pytest.fixture
def v2(tmp_path: Path) -> Cgroups:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    return Cgroups({}, tmp_path)


@pytest.fixture
def v1(tmp_path: Path) -> Cgroups:
    mounts = {name: tmp_path / name for name in ("cpu", "cpuacct", "memory", "pids", "freezer")}
    for mount in mounts.values():
        mount.mkdir()
    return Cgroups(mounts, None)


def mounts_file(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mounts"
    file.write_text(text)
    return str(file)


def test_detects_v1_mounts_by_controller(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "cgroup /cg/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0",
            "cgroup /cg/memory cgroup rw,memory 0 0",
            "cgroup /cg/systemd cgroup rw,xattr,name=systemd 0 0",
            "cgroup2 /cg/unified cgroup2 rw 0 0",
        ]
    )
    found = Cgroups.detect(mounts_file(tmp_path, text))
    assert found.v1["cpu"] == found.v1["cpuacct"] == Path("/cg/cpu,cpuacct")
    assert found.v1["name=systemd"] == Path("/cg/systemd")
    assert not found.unified


def test_detects_v2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    found = Cgroups.detect(mounts_file(tmp_path, f"cgroup2 {tmp_path} cgroup2 rw,nsdelegate 0 0\n"))
    assert found.unified and found.accounts_swap


def test_a_machine_without_memory_cgroups_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("")
    with pytest.raises(CgroupFailure, match="no memory cgroup"):
        Cgroups.detect(mounts_file(tmp_path, f"cgroup2 {tmp_path} cgroup2 rw 0 0\n"))


def test_v2_limits(v2: Cgroups, tmp_path: Path) -> None:
    v2.create(POD)
    directory = tmp_path / POD[1:]
    assert directory.is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    v2.limit(POD, LIMITS)
    assert (directory / "cpu.weight").read_text() == "39"
    assert (directory / "cpu.max").read_text() == "50000 100000"
    assert (directory / "memory.max").read_text() == str(1 << 26)
    assert (directory / "pids.max").read_text() == "100"
    v2.limit(POD, Resources(cpu_quota=-1, memory_limit_bytes=-1, pids_limit=-1))
    assert (directory / "cpu.max").read_text() == "max 100000"
    assert (directory / "memory.max").read_text() == "max"
    assert (directory / "pids.max").read_text() == "max"


def test_v2_usage(v2: Cgroups, tmp_path: Path) -> None:
    v2.create(POD)
    directory = tmp_path / POD[1:]
    (directory / "memory.current").write_text("1000\n")
    (directory / "memory.stat").write_text("anon 400\nfile 500\ninactive_file 300\n")
    (directory / "cpu.stat").write_text("usage_usec 7\nuser_usec 5\n")
    (directory / "pids.current").write_text("3\n")
    (directory / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n")
    assert v2.usage(POD) == Usage(7_000, 1000, 700, 400, 3)
    assert v2.oom_kills(POD) == 1


def test_v2_kills_by_the_kernels_own_file(v2: Cgroups, tmp_path: Path) -> None:
    v2.create(POD)
    kill_file = tmp_path / POD[1:] / "cgroup.kill"
    kill_file.write_text("")
    v2.kill(POD)
    assert kill_file.read_text() == "1"


def test_v1_limits_go_to_each_controllers_hierarchy(v1: Cgroups, tmp_path: Path) -> None:
    v1.create(POD)
    v1.limit(POD, LIMITS)
    assert (tmp_path / "cpu" / POD[1:] / "cpu.shares").read_text() == "1024"
    assert (tmp_path / "cpu" / POD[1:] / "cpu.cfs_quota_us").read_text() == "50000"
    assert (tmp_path / "memory" / POD[1:] / "memory.limit_in_bytes").read_text() == str(1 << 26)
    assert (tmp_path / "pids" / POD[1:] / "pids.max").read_text() == "100"
    assert not (tmp_path / "freezer" / POD[1:]).exists()


def test_v1_usage(v1: Cgroups, tmp_path: Path) -> None:
    v1.create(POD)
    memory = tmp_path / "memory" / POD[1:]
    (memory / "memory.usage_in_bytes").write_text("1000\n")
    (memory / "memory.stat").write_text("rss 1\ntotal_rss 400\ntotal_inactive_file 300\n")
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (tmp_path / "cpuacct" / POD[1:] / "cpuacct.usage").write_text("7000\n")
    (tmp_path / "pids" / POD[1:] / "pids.current").write_text("3\n")
    assert v1.usage(POD) == Usage(7_000, 1000, 700, 400, 3)
    assert v1.oom_kills(POD) == 2


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_what_is_not_there_uses_nothing_and_is_gone(kind: str, request: pytest.FixtureRequest) -> None:
    cgroups: Cgroups = request.getfixturevalue(kind)
    assert cgroups.usage(POD) is None
    assert cgroups.oom_kills(POD) == 0
    assert cgroups.pids(POD) == set()
    assert cgroups.remove(POD)
    assert not cgroups.exists(POD)


@pytest.mark.parametrize("path", ["", "/", "/a/../../etc"])
def test_paths_stay_below_the_root(v2: Cgroups, path: str) -> None:
    with pytest.raises(CgroupFailure, match="not a cgroup path"):
        v2.pids(path)


@pytest.mark.parametrize(("shares", "weight"), [(0, 1), (2, 1), (1024, 39), (262_144, 10_000), (10**9, 10_000)])
def test_shares_become_weights_as_the_kubelet_converts_them(shares: int, weight: int) -> None:
    assert weight_of_shares(shares) == weight
