"""The more important pod gets the room; and the scheduler says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kube import Space, Tree
from tests.support.manifests import container, pod

CLASS = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}


@pytest.fixture
def important(space: Space) -> Iterator[str]:
    name = f"{space.name}-important"
    space.create({**CLASS, "metadata": {"name": name}})
    yield name
    space.delete("priorityclasses", name)


def _ported(name: str, port: int, node: str, **spec: object) -> Tree:
    ports = [{"containerPort": 80, "hostPort": port}]
    return pod(name, container(ports=ports), nodeSelector={"kubernetes.io/hostname": node}, **spec)  # type: ignore[arg-type]


def test_a_victim_goes_gracefully_and_the_room_is_kept(space: Space, important: str) -> None:
    cpus = int(space.get("nodes", "node-3")["status"]["allocatable"]["cpu"])
    most = {"requests": {"cpu": f"{cpus * 1000 - 200}m"}}
    there = {"kubernetes.io/hostname": "node-3"}
    # It ends when told, so that there is time to look.
    slow = container("trap 'until test -e /go; do sleep 0.1; done; exit 0' TERM; sleep 3600 & wait", resources=most)
    space.create(pod("low", slow, nodeSelector=there, terminationGracePeriodSeconds=100))
    space.wait_running("low")
    space.create(pod("high", container(resources=most), nodeSelector=there, priorityClassName=important))
    waiting = space.wait("nominated", "pods", "high", lambda tree: tree["status"].get("nominatedNodeName"))
    assert waiting["status"]["nominatedNodeName"] == "node-3"
    assert waiting["spec"].get("nodeName") is None
    going = space.wait("going", "pods", "low", lambda tree: tree["metadata"].get("deletionTimestamp"))
    assert going["metadata"]["deletionGracePeriodSeconds"] == 100
    [target] = [each for each in going["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    assert (target["status"], target["reason"]) == ("True", "PreemptionByScheduler")
    space.nudge("low", "touch /go")
    [high] = space.wait_running("high")
    assert high["spec"]["nodeName"] == "node-3"
    assert "nominatedNodeName" not in high["status"]
    event = space.wait_event("Preempted", "low")
    assert event["message"] == f"Preempted by pod {high['metadata']['uid']} on node node-3"


def test_a_port_is_had_by_the_more_important(space: Space, important: str) -> None:
    space.create(_ported("low", 18491, "node-2"))
    space.wait_running("low")
    space.create(_ported("polite", 18491, "node-2"))
    space.create(_ported("high", 18491, "node-2", priorityClassName=important))
    space.gone("pods", "low")
    [high] = space.wait_running("high")
    assert high["spec"]["nodeName"] == "node-2"
    explained = space.cluster.podling("explain-scheduling", "polite", "--namespace", space.name).stdout
    assert "polite waits for a node" in explained
    rows = [line.split(maxsplit=2) for line in explained.splitlines() if line.startswith("node-")]
    words = {node: (plugin, reason) for node, plugin, reason in rows}
    assert words["node-2"] == ("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    assert words["node-1"][0] == words["node-3"][0] == "NodeAffinity"


def test_a_placed_pod_is_explained_too(space: Space) -> None:
    space.create(pod("placed"))
    [tree] = space.wait_running("placed")
    explained = space.cluster.podling("explain-scheduling", "placed", "--namespace", space.name).stdout
    node = tree["spec"]["nodeName"]
    assert f"placed is on {node}; if it were scheduled now (profile default-scheduler):" in explained
    assert "NodeResourcesFit x1" in explained
    assert {line.split()[0] for line in explained.splitlines() if line.startswith("node-")} == {
        "node-1",
        "node-2",
        "node-3",
    }
