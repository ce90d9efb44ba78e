"""A pod's status is its kubelet's: what somebody else writes into it is put right."""

from __future__ import annotations

from tests.support.kube import Space, ready
from tests.support.manifests import container, pod


def test_a_status_written_by_another_is_repaired(space: Space) -> None:
    space.create(pod("web", container("while true; do sleep 0.2; done")))
    space.wait_running("web")
    before = space.wait("ready", "pods", "web", ready)

    tree = space.get("pods", "web")
    del tree["metadata"]["resourceVersion"]  # whatever its kubelet writes meanwhile
    for condition in tree["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition.update(status="False", reason="NodeLost")
    space.api.call("PUT", space.path("pods", "web") + "/status", tree)

    repaired = space.wait("ready again", "pods", "web", ready)
    assert int(repaired["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    # And left alone then: repairing is no loop of writes.
    version = space.wait("ready still", "pods", "web", ready)["metadata"]["resourceVersion"]
    space.exec("web", "sleep 2")
    assert space.get("pods", "web")["metadata"]["resourceVersion"] == version
