"""What happens to pods while their kubelet is not there: it finds out when it is back, and deals with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.support.chaos import Processes
from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space, container_status
from tests.support.manifests import container, pod
from tests.support.node_traces import processes_of, wait_no_trace

NODE = "node-3"
KUBELET = f"kubelet-{NODE}"
# Ends as soon as the test says so, from outside.
UNTIL_TOLD = "trap 'exit 7' TERM; while true; do sleep 0.05; done"

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def space(make_space: Callable[[], Space]) -> Space:
    return make_space()


def here(name: str, script: str, **spec: Any) -> Tree:
    return pod(name, container(script), nodeSelector={"kubernetes.io/hostname": NODE}, **spec)


@contextmanager
def kubelet_absent(processes: Processes) -> Iterator[None]:
    """The kubelet does nothing in the block and is killed at its end: what it did not see, its successor finds."""
    old = processes.wait_well()[KUBELET].pid
    os.kill(old, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(old, signal.SIGKILL)
    processes.wait_back(KUBELET, old)


def end_container(cluster: Cluster, tree: Tree) -> None:
    """SIGTERM the pod's processes until they are gone: a shell that has just been started does not mind it yet."""
    uid = tree["metadata"]["uid"]

    def ended() -> bool:
        pids = processes_of(cluster, NODE, uid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return not pids

    eventually(f"the processes of {tree['metadata']['name']} end", ended)


def test_what_happened_meanwhile_is_found_and_dealt_with(cluster: Cluster, processes: Processes, space: Space) -> None:
    space.create(
        here("steady", "exec sleep 3600"),
        here("failing", UNTIL_TOLD, restartPolicy="Never"),
        here("restarting", UNTIL_TOLD),
        here("deleted", UNTIL_TOLD, terminationGracePeriodSeconds=30),
        here("forgotten", "exec sleep 3600"),
    )
    before = dict(
        zip(
            ("steady", "failing", "restarting", "deleted", "forgotten"),
            space.wait_running("steady", "failing", "restarting", "deleted", "forgotten"),
            strict=True,
        )
    )
    steady = container_status(before["steady"])

    with kubelet_absent(processes):
        end_container(cluster, before["failing"])
        end_container(cluster, before["restarting"])
        space.delete("pods", "deleted", gracePeriodSeconds=5)
        # Its object is gone at once: nothing but the node knows of it.
        space.delete("pods", "forgotten", gracePeriodSeconds=0)
        assert space.find("pods", "forgotten") is None
        space.create(here("late", "exec sleep 3600"))

    space.wait_running("late")
    failed = space.wait_phase("failing", "Failed")
    assert container_status(failed)["state"]["terminated"]["exitCode"] == 7
    assert container_status(failed)["restartCount"] == 0

    restarted = space.wait("restarted", "pods", "restarting", lambda tree: container_status(tree)["restartCount"] == 1)
    assert container_status(restarted)["lastState"]["terminated"]["exitCode"] == 7

    space.gone("pods", "deleted")
    wait_no_trace(cluster, NODE, (before[name]["metadata"]["uid"] for name in ("deleted", "forgotten")))

    after = space.get("pods", "steady")
    assert container_status(after)["containerID"] == steady["containerID"]
    assert container_status(after)["restartCount"] == 0
    assert container_status(after)["state"] == steady["state"]


def test_logs_and_exec_go_on_after_a_restart(processes: Processes, space: Space) -> None:
    space.create(here("talking", "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.1; done"))
    space.wait_running("talking")
    space.logged("talking", "line 3\n")
    with kubelet_absent(processes):
        pass
    lines = space.logged("talking", "line 25\n").splitlines()
    assert lines[:25] == [f"line {number}" for number in range(25)]
    assert space.exec("talking", "echo here") == "here\n"


def test_a_probe_goes_on_after_a_restart(processes: Processes, space: Space) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/well"]}, "periodSeconds": 1, "failureThreshold": 1}
    tree = here("probed", "touch /tmp/well; exec sleep 3600")
    tree["spec"]["containers"][0]["readinessProbe"] = probe
    space.create(tree)
    space.wait_running("probed")
    with kubelet_absent(processes):
        pass
    _exec(space, "rm -f /tmp/well")
    space.wait(
        "unready", "pods", "probed", lambda tree: not container_status(tree)["ready"] and tree["status"]["phase"]
    )
    _exec(space, "touch /tmp/well")
    ready = space.wait_running("probed")[0]
    assert container_status(ready)["restartCount"] == 0


def _exec(space: Space, command: str) -> None:
    """In `probed`, once its kubelet is reached: the API server tries a connection that broke again after a moment."""
    eventually(command, lambda: space.run("exec", "probed", "--", *command.split()).returncode == 0)
