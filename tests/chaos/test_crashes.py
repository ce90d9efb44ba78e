"""Crashes of the whole cluster, and commands that are broken off or get in each other's way: `up` and `down` cope."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from podling.launcher import lock
from tests.support.chaos import Processes, is_alive
from tests.support.cluster import PODLING, Cluster, eventually
from tests.support.kube import Space
from tests.support.manifests import WEB, config_map, container, deployment, service

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of its own with something in it; whatever becomes of it, nothing is left in the end."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("crashing")))
    cluster.up("--nodes", "2", "--node-memory", "1Gi")
    try:
        space = Space(cluster, "default")
        space.create(config_map("kept", key="value"), deployment("web", container(WEB), replicas=2), service("web"))
        space.wait_deployment("web")
        yield cluster
    finally:
        cluster.down()
    assert cluster.leaks() == []


@pytest.fixture
def up(crashing: Cluster) -> Cluster:
    """The cluster, up, as the last test left it or as it was before."""
    crashing.up()
    return crashing


@pytest.fixture
def space(up: Cluster) -> Space:
    return Space(up, "default")


def objects(space: Space) -> dict[str, Any]:
    """What must outlive a crash: uids and what people wrote."""
    found: dict[str, Any] = {}
    for word in ("pods", "deployments", "replicasets", "services", "configmaps", "serviceaccounts", "nodes"):
        for tree in space.list(word):
            found[f"{word}/{tree['metadata']['name']}"] = (tree["metadata"]["uid"], tree.get("data"))
    return found


def pids_of(cluster: Cluster) -> set[int]:
    """Every process in the cluster's cgroups: components, conmons, containers."""
    root = Path("/sys/fs/cgroup/memory/podling") / cluster.id
    pids: set[int] = set()
    for file in root.rglob("cgroup.procs"):
        with suppress(OSError):  # it went meanwhile
            pids.update(map(int, file.read_text().split()))
    return pids


def kill(*pids: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually("the killed end", lambda: not any(map(is_alive, pids)))


def start(cluster: Cluster, *arguments: str) -> subprocess.Popen[str]:
    """A command in the background."""
    command = [str(PODLING), *arguments, "--dir", str(cluster.directory)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(command: subprocess.Popen[str], *, seconds: float = 150) -> tuple[int, str]:
    output, errors = command.communicate(timeout=seconds)
    return command.returncode, output + errors


def works(space: Space) -> None:
    space.wait_deployment("web")
    space.wait_endpoints("web", 2)


def test_everything_killed_at_once_comes_back_as_it_was(up: Cluster, space: Space) -> None:
    before = objects(space)
    kill(Processes(up).supervisor(), *pids_of(up))
    up.up()
    assert objects(space) == before
    works(space)


def test_without_its_supervisor_a_cluster_runs_on_until_up_takes_over(up: Cluster, space: Space) -> None:
    before = objects(space)
    kill(Processes(up).supervisor())
    assert objects(space) == before
    status = up.podling("status", check=False)
    assert (status.returncode, status.stdout) == (1, "")
    assert status.stderr == (
        f"podling: the cluster of {up.directory} is down: start it with `podling up --dir {up.directory}`\n"
    )
    up.up()
    assert objects(space) == before
    works(space)


def test_a_half_dead_cluster_is_taken_down(up: Cluster, space: Space) -> None:
    before = objects(space)
    running = Processes(up).wait_well()
    kill(Processes(up).supervisor(), *(running[name].pid for name in ("etcd", "apiserver", "kubelet-node-1")))
    up.down()
    assert up.leaks() == []
    up.up()
    assert objects(space) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_up_broken_off_half_way_leaves_nothing(
    crashing: Cluster, generator: random.Random, number: signal.Signals
) -> None:
    crashing.down()
    command = start(crashing, "up")
    # Before, Python itself may be starting, which answers a signal in ways of its own.
    eventually("up is at work", lambda: lock.held(crashing.directory), interval=0.01)
    time.sleep(generator.uniform(0.0, 1.2))
    command.send_signal(number)
    code, said = finish(command)
    # The other is what a shell tells as the first: it was so early that nobody handled it.
    assert code in (128 + number, -number), said
    assert "Traceback" not in said
    assert crashing.leaks() == []


def test_up_after_an_up_that_was_killed(crashing: Cluster, generator: random.Random) -> None:
    crashing.down()
    first = start(crashing, "up")
    # Somewhere between the first line of Python and the last process.
    time.sleep(generator.uniform(0.0, 1.5))
    first.kill()
    finish(first)
    crashing.up()
    works(Space(crashing, "default"))


def test_two_ups_at_once_start_one_cluster(crashing: Cluster) -> None:
    crashing.down()
    commands = [start(crashing, "up"), start(crashing, "up")]
    outcomes = [finish(command) for command in commands]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    running = Processes(crashing).wait_well()
    assert all(each.restarts == 0 for each in running.values())


def test_down_and_up_at_once_end_in_a_cluster_that_is_up_or_down(up: Cluster) -> None:
    """Whichever comes first: both succeed, and what the later one was asked for is so."""
    down = start(up, "down")
    eventually("down is at work", lambda: not (Path("/run/podling") / up.id / "launcher.sock").exists())
    upward = start(up, "up")
    assert finish(down)[0] == 0
    code, said = finish(upward)
    assert code == 0, said
    Processes(up).wait_well()


def test_down_ends_an_up_that_is_at_work(crashing: Cluster) -> None:
    crashing.down()
    upward = start(crashing, "up")
    eventually("etcd runs", lambda: pids_of(crashing))
    assert finish(start(crashing, "down"))[0] == 0
    code, said = finish(upward)
    # Unless it was up already: then `down` has taken down a cluster that was up.
    assert code in (0, 1), said
    assert not code or said.splitlines()[-1].startswith("podling: "), said
    assert crashing.leaks() == []


def test_nodes_are_added_by_the_next_up(crashing: Cluster) -> None:
    crashing.down()
    crashing.up("--nodes", "3")
    space = Space(crashing, "default")
    assert len(space.list("nodes")) == 3
    refused = crashing.podling("up", "--nodes", "2", check=False)
    assert refused.returncode == 1
    assert "the cluster is up with 3 nodes: run `podling down` before changing --nodes" in refused.stderr
    works(space)
