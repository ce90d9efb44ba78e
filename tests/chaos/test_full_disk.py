"""The cluster's disk fills up while it runs: writes fail honestly, and once there is room everything goes on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.chaos import Processes
from tests.support.cluster import Cluster, eventually, run
from tests.support.kube import Space, Tree, container_status
from tests.support.manifests import config_map, container, pod

DISK = "size=340M"
LARGE = "x" * 300_000
# What the kubelet neither ends nor refuses for want of disk: whether it looks while there is none is a matter of luck.
CRITICAL: Tree = {"priorityClassName": "system-node-critical", "tolerations": [{"operator": "Exists"}]}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    run("mount", "-t", "tmpfs", "-o", DISK, "none", str(directory))
    try:
        yield directory
    finally:
        run("umount", str(directory))


@pytest.fixture
def cluster(small_disk: Path) -> Iterator[Cluster]:
    cluster = Cluster(small_disk / "cluster")
    cluster.up("--node-memory", "512Mi")
    try:
        yield cluster
    finally:
        cluster.down()
    assert cluster.leaks() == []


def fill(path: Path) -> None:
    """Take the whole disk."""
    with path.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            return


def test_a_full_disk_loses_nothing_and_ends_when_there_is_room(cluster: Cluster, small_disk: Path) -> None:
    space = Space(cluster, "default")
    processes = Processes(cluster)
    space.create(pod("steady", container("while true; do echo tick; sleep 0.2; done"), **CRITICAL))
    before = container_status(space.wait_running("steady")[0])
    pids = {each.name: each.pid for each in processes.wait_well().values()}
    acknowledged: list[str] = []
    stopping = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if stopping.is_set():
                return
            name = f"large-{number}"
            answer = space.api.request("POST", space.path("configmaps"), config_map(name, content=LARGE))
            if answer.code == 201:
                acknowledged.append(name)
            else:
                assert answer.code in (500, 504) and answer.tree["message"], answer

    with ThreadPoolExecutor() as pool:
        fill(small_disk / "filler")
        writer = pool.submit(write)
        eventually("etcd is seen to be missing", lambda: "etcd" in processes.all()["apiserver"].health)
        # What has a disk no more is started again and again, though nothing of it can be logged.
        restarts = processes.all()["etcd"].restarts
        eventually("etcd is tried again", lambda: processes.all()["etcd"].restarts > restarts)
        written = len(acknowledged)
        (small_disk / "filler").unlink()
        running = processes.wait_well()
        eventually("writes go on", lambda: len(acknowledged) > written)
        stopping.set()
        writer.result()

    # Only etcd cannot go on without a disk.
    assert {name for name, pid in pids.items() if running[name].pid != pid} == {"etcd"}
    kept = {tree["metadata"]["name"]: tree.get("data", {}).get("content") for tree in space.list("configmaps")}
    assert [name for name in acknowledged if kept.get(name) != LARGE] == []
    space.create(pod("after", **CRITICAL))
    space.wait_running("after")
    after = container_status(space.wait_running("steady")[0])
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], before["restartCount"])
    lines = len(space.log("steady").splitlines())
    eventually("its log goes on", lambda: len(space.log("steady").splitlines()) > lines)
