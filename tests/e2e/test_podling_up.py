"""The command's contract with scripts: up, status, down, and up again with everything as it was."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space, container_status
from tests.support.manifests import WEB, container, deployment, pod, service

EACH_NODE = ("kubelet", "kube-proxy")
PROCESSES = {"etcd", "apiserver", "scheduler", "controllers"}


def _rows(cluster: Cluster) -> dict[str, list[str]]:
    """`podling status` by process name: pid, node, address, health, memory, restarts."""
    # Who is busy may answer too late once.
    status = eventually("every process is well", lambda: _well(cluster), state=cluster.logs)
    header, *lines = status.splitlines()
    assert header.split() == ["NAME", "PID", "NODE", "ADDRESS", "HEALTH", "RSS", "RESTARTS"]
    return {line.split()[0]: line.split()[1:] for line in lines}


def _well(cluster: Cluster) -> str:
    done = cluster.podling("status", check=False)
    return done.stdout if done.returncode == 0 else ""


def test_up_again_changes_nothing(cluster: Cluster) -> None:
    before = cluster.processes()
    cluster.up()
    assert cluster.processes() == before


def test_status_lists_every_process(cluster: Cluster) -> None:
    rows = _rows(cluster)
    nodes = [f"node-{number}" for number in (1, 2, 3)]
    assert set(rows) == PROCESSES | {f"{kind}-{node}" for kind in EACH_NODE for node in nodes}
    for name, (pid, node, address, health, memory, _) in rows.items():
        assert Path(f"/proc/{pid}").exists()
        assert (health, node) == ("ok", name[-6:] if name[-6:] in nodes else "-"), name
        assert re.fullmatch(r"\d+(\.\d+)?[KMG]B", memory), memory
        assert ":" in address


def test_a_second_cluster_beside_the_first(cluster: Cluster, space: Space, tmp_path: Path) -> None:
    space.create(deployment("web", container(WEB)), service("web", type="NodePort"))
    space.wait_deployment("web")
    processes = cluster.processes()
    with _another(tmp_path / "second", "--nodes", "2", "--node-cpu", "1500m", "--node-memory", "512Mi") as second:
        there = Space(second, "default")
        status = there.get("nodes", "node-1")["status"]
        assert (status["capacity"]["cpu"], status["capacity"]["memory"]) in (("1500m", "512Mi"), ("1", "512Mi"))
        there.create(
            deployment("web", container(WEB), replicas=2),
            service("web", type="NodePort"),
            pod("done", container("date +%s%N"), restartPolicy="Never"),
            pod("alone", container(f"echo started; {WEB}")),
        )
        there.wait_deployment("web")
        there.wait_running("alone")
        there.wait_phase("done", "Succeeded")
        for each in (space, there):
            eventually("the Service", lambda each=each: _answers(each))
        assert _answer(space) not in {tree["metadata"]["name"] for tree in there.list("pods")}
        uids = _uids(there)
        written = there.log("done")

        second.down()
        assert second.leaks() == []
        stopped = second.podling("status", check=False)
        assert stopped.returncode == 1
        assert cluster.processes() == processes
        assert _answer(space).startswith("web-")

        second.up()
        assert set(_rows(second)) == PROCESSES | {f"{kind}-node-{n}" for kind in EACH_NODE for n in (1, 2)}
        _as_before(there, uids)
        assert there.logged("done", written) == written
        assert container_status(there.get("pods", "done"))["restartCount"] == 0

        _kill_everything(second)
        second.up()
        _as_before(there, uids)
    assert cluster.processes() == processes


@contextmanager
def _another(directory: Path, *flags: str) -> Iterator[Cluster]:
    cluster = Cluster(directory)
    try:
        cluster.up(*flags)
        yield cluster
    finally:
        cluster.down()
    assert cluster.leaks() == []
    assert cluster.complaints() == [], "\n".join(cluster.complaints())


def _uids(space: Space) -> dict[str, str]:
    words = ("nodes", "namespaces", "pods", "deployments", "replicasets", "services", "cm", "serviceaccounts")
    return {
        f"{word}/{tree['metadata']['name']}": tree["metadata"]["uid"] for word in words for tree in space.list(word)
    }


def _as_before(space: Space, uids: dict[str, str]) -> None:
    """All objects are there, the same ones, and what served serves again."""
    assert _uids(space) == uids
    # What the API server knows may be of before: only what answers is there again.
    eventually("the Service", lambda: _answers(space))
    assert space.logged("alone", "started").startswith("started")
    space.wait_deployment("web")
    space.wait_running("alone")
    space.wait_phase("done", "Succeeded")
    assert _uids(space) == uids


def _ask(space: Space) -> str:
    """What the Service `web` answers on its node port, from the host."""
    port = space.get("services", "web")["spec"]["ports"][0]["nodePort"]
    address = space.get("nodes", "node-2")["status"]["addresses"][0]["address"]
    with urllib.request.urlopen(f"http://{address}:{port}/", timeout=20) as response:
        return str(response.read().decode())


def _answer(space: Space) -> str:
    """What it answers, sooner or later."""
    answer: str = eventually("the Service", lambda: _answers(space))
    return answer


def _answers(space: Space) -> str:
    try:
        answer = _ask(space)
    except OSError:
        return ""
    return answer if answer.startswith("web-") else ""


def _kill_everything(cluster: Cluster) -> None:
    """SIGKILL for every process of the cluster, its launcher first."""
    pids = {pid: name for name, pid in cluster.processes().items()}
    launcher = int((cluster.directory / "launcher.lock").read_text().split()[0])
    marks = (str(cluster.directory), f"/run/podling/{cluster.id}/")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # one of the machine's that has ended meanwhile
        if any(mark in command for mark in marks) and "pytest" not in command:
            pids.setdefault(int(path.parent.name), command)
    for pid in (launcher, *sorted(pids)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually("all dead", lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), state=lambda: str(pids))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--nodes", "0"), "nodes"),
        (("--nodes", "many"), "nodes"),
        (("--node-cpu", "much"), "much"),
        (("--node-memory", "1"), "memory"),
        (("--etcd", "/no/such/etcd"), "/no/such/etcd"),
    ],
)
def test_what_cannot_be_started_is_told(tmp_path: Path, flags: tuple[str, ...], told: str) -> None:
    cluster = Cluster(tmp_path / "refused")
    done = cluster.podling("up", "--dir", str(cluster.directory), *flags, check=False)
    assert done.returncode not in (0, -6), done
    assert told in done.stderr + done.stdout, done
    assert "Traceback" not in done.stderr + done.stdout
    assert cluster.leaks() == []


def test_a_process_is_restarted_alone(cluster: Cluster, space: Space) -> None:
    """`podling restart`: the others go on, pods run on, and what is watched meanwhile arrives."""
    space.create(deployment("web", container(WEB), replicas=2))
    space.wait_deployment("web")
    before = cluster.processes()
    counts = {tree["metadata"]["uid"]: container_status(tree)["restartCount"] for tree in space.list("pods")}
    restarted = ["scheduler", "controllers", "kubelet-node-1", "kube-proxy-node-2", "apiserver"]
    with space.kubectl_streams("get", "deployment", "web", "--watch") as watching:
        watching.until("2/2")
        for name in restarted:
            cluster.restart(name)
        # Each ends when it has heard of it, and is another process then.
        eventually("all others", lambda: _replaced(before, cluster.processes()) >= set(restarted))
        eventually("all well", lambda: _well(cluster))
    after = cluster.processes()
    assert _replaced(before, after) == set(restarted)
    space.kubectl("scale", "deployment/web", "--replicas=3")
    space.wait_deployment("web")
    now = {tree["metadata"]["uid"]: container_status(tree)["restartCount"] for tree in space.list("pods")}
    assert {uid: now.get(uid) for uid in counts} == counts


def _replaced(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """The processes that others have come for."""
    return {name for name, pid in after.items() if before[name] != pid}
