"""All containers of a pod begin anew in its place, by the clocks and records of the real runtime."""

from __future__ import annotations

from typing import Any

from api.types import ContainerStatus, Pod
from tests.support.kubelet_node import NodeUnderTest, Pods

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
SHARED = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **SHARED, **more}


def statuses(pod: Pod) -> list[ContainerStatus]:
    return [*pod.status.init_container_statuses, *pod.status.container_statuses]


async def test_they_do_though_the_kubelet_dies_meanwhile(pods: Pods, node: NodeUnderTest) -> None:
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [88]}}]
    once = f"if test -e /shared/again; then {FOREVER}; fi; until test -e /shared/go; do sleep 0.05; done; exit 88"
    await pods.create(
        "anew",
        shell("watcher", once, restartPolicy="Never", restartPolicyRules=rules),
        shell("work", f"test -e /shared/go && touch /shared/again; {FOREVER}"),
        initContainers=[shell("init", "echo x >> /shared/inits; test ! -e /shared/go || touch /shared/again")],
        restartPolicy="Never",
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    pod = await pods.ready("anew")
    shared = node.data_dir / "pods" / pod.metadata.uid / "volumes" / "kubernetes.io~empty-dir" / "shared"
    (shared / "go").touch()
    node.kill_kubelet()
    node.start_kubelet()
    again = await pods.until(
        "anew", "each restarted once", lambda pod: [s.restart_count for s in statuses(pod)] == [1] * 3
    )
    again = await pods.ready("anew")
    assert again.status.pod_ip == pod.status.pod_ip
    assert (shared / "inits").read_text() == "x\nx\n"
    ends = [status.last_state.terminated for status in statuses(again)]
    assert [end.exit_code for end in ends if end is not None][:2] == [0, 88]
