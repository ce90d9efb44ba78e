"""`podling up --hollow-nodes`: many nodes in one process, whose pods live and end as they were told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.placement import violations
from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space, ready
from tests.support.manifests import container, deployment, pod

NODES = 50


@pytest.fixture(scope="module")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """The default namespace of a cluster whose nodes are all hollow."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("hollow")))
    try:
        cluster.up("--nodes", "0", "--hollow-nodes", str(NODES))
        yield Space(cluster, "default")
    finally:
        cluster.down()
    assert cluster.leaks() == []
    assert cluster.complaints() == [], "\n".join(cluster.complaints())


def _hollow_pod(name: str, *, policy: str = "Always", **said: str) -> dict[str, Any]:
    tree = pod(name, container(), restartPolicy=policy)
    tree["metadata"]["annotations"] = {f"hollow.podling.io/{key.replace('_', '-')}": said[key] for key in said}
    return tree


def _facts(space: Space) -> dict[str, tuple[Any, ...]]:
    """What a restart of the nodes' process must not change."""
    found = {}
    for tree in space.list("pods"):
        status = tree["status"]
        each = status["containerStatuses"][0]
        found[tree["metadata"]["name"]] = (
            tree["spec"]["nodeName"],
            status["podIP"],
            each["containerID"],
            each["restartCount"],
        )
    return found


def test_pods_run_all_over_the_zones_and_survive_the_process(hollow: Space) -> None:
    nodes = hollow.list("nodes")
    assert len(nodes) == NODES
    assert {tree["metadata"]["labels"]["topology.kubernetes.io/zone"] for tree in nodes} == {
        "zone-1",
        "zone-2",
        "zone-3",
    }
    hollow.create(deployment("many", container(), replicas=100))
    hollow.wait_deployment("many")
    pods = hollow.list("pods")
    assert violations(nodes, pods) == []
    assert len({tree["spec"]["nodeName"] for tree in pods}) == NODES
    before = _facts(hollow)
    pids = hollow.cluster.processes()
    hollow.cluster.restart("kubelet-hollow-1")
    eventually(
        "another process",
        lambda: hollow.cluster.processes().get("kubelet-hollow-1") not in (None, pids["kubelet-hollow-1"]),
    )
    hollow.create(_hollow_pod("after"))
    hollow.wait_running("after")
    assert {name: facts for name, facts in _facts(hollow).items() if name != "after"} == before
    hollow.merge("deployments", "many", {"spec": {"replicas": 0}})
    eventually("no pod of the deployment left", lambda: not hollow.list("pods", "app=many"))


def test_annotations_say_how_a_pod_fares(hollow: Space) -> None:
    hollow.create(
        _hollow_pod("done", policy="Never", run_seconds="0.1"),
        _hollow_pod("failed", policy="Never", run_seconds="0.1", exit_code="7"),
        _hollow_pod("retried", policy="OnFailure", run_seconds="0.1", failures="1"),
        _hollow_pod("slow", ready_seconds="600"),
        _hollow_pod("wrong", run_seconds="soon"),
    )
    hollow.wait_phase("done", "Succeeded")
    ended = hollow.wait_phase("failed", "Failed")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (7, "Error")
    retried = hollow.wait_phase("retried", "Succeeded")["status"]["containerStatuses"][0]
    assert retried["restartCount"] == 1
    assert not ready(hollow.wait_phase("slow", "Running"))
    hollow.wait("refused", "pods", "wrong", lambda tree: _waits_for(tree) == "CreateContainerConfigError")


def _waits_for(tree: dict[str, Any]) -> str:
    """Why the pod's container does not run; "" when that is not said."""
    for status in tree["status"].get("containerStatuses", ()):
        return str(status["state"].get("waiting", {}).get("reason", ""))
    return ""
