"""A kubelet killed again and again while pods come and go: no container runs twice, nothing is left, none is lost."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from api.errors import NotFound
from api.types import Pod
from tests.support.kubelet_node import NodeUnderTest, Pods
from tests.support.polling import eventually

SEED = 20_240_501
ROUNDS = 6
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def main(script: str) -> dict[str, Any]:
    return {"name": "main", "command": ["sh", "-c", script]}


async def test_pods_survive_a_kubelet_that_is_killed_at_any_moment(pods: Pods, node: NodeUnderTest) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    living: list[str] = []
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}}]
    for round in range(ROUNDS):
        for number in range(3):
            name = f"pod-{round}-{number}"
            container = {**main(FOREVER), "volumeMounts": [{"name": "memory", "mountPath": "/m"}]}
            await pods.create(name, container, volumes=volumes)
            living.append(name)
        await asyncio.sleep(dice.uniform(0, 0.3))
        for name in dice.sample(living, 2):
            living.remove(name)
            grace = dice.choice([0, 1, 5])
            await pods.client.delete(Pod, name, pods.namespace, grace_period_seconds=grace)
        await asyncio.sleep(dice.uniform(0, 0.2))
        node.kill_kubelet()
        await asyncio.to_thread(node.start_kubelet)
    ready = [await pods.ready(name) for name in living]
    assert len({pod.status.pod_ip for pod in ready}) == len(living), "no two pods have one address"
    await _assert_each_runs_once(pods, ready)


async def _assert_each_runs_once(pods: Pods, ready: list[Pod]) -> None:
    async def counted() -> bool:
        _, page = await asyncio.to_thread(pods.node.page, "/metrics")
        return f'kubelet_running_containers{{container_state="running"}} {float(len(ready))}' in page

    await pods.eventually("as many containers run as there are pods", counted)


async def test_an_end_while_no_kubelet_runs_is_seen_afterwards(pods: Pods, node: NodeUnderTest) -> None:
    shared = node.directory / "shared-with-ends"
    shared.mkdir()
    script = "until test -e /s/go; do sleep 0.05; done; touch /s/gone; exit 4"
    container = {**main(script), "volumeMounts": [{"name": "shared", "mountPath": "/s"}]}
    volumes = [{"name": "shared", "hostPath": {"path": str(shared)}}]
    await pods.create("ends", container, restartPolicy="Never", volumes=volumes)
    await pods.phase("ends", "Running")
    node.kill_kubelet()
    (shared / "go").touch()

    async def gone() -> bool:
        return (shared / "gone").exists()

    await eventually(gone)
    await asyncio.to_thread(node.start_kubelet)
    pod = await pods.phase("ends", "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason) == (4, "Error")


def waits_for(pod: Pod) -> str:
    """What keeps the container `main` from running."""
    waiting = pod.status.container_statuses[0].state.waiting
    return waiting.message if waiting is not None and waiting.reason == "CreateContainerError" else ""


async def test_a_container_starts_where_a_killed_kubelet_left_the_pod_without_hosts_file(
    pods: Pods, node: NodeUnderTest
) -> None:
    shared = node.directory / "shared-with-restarts"
    shared.mkdir()
    script = "cat /etc/hosts > /s/hosts; until test -e /s/go; do sleep 0.05; done; rm /s/go; exit 1"
    container = {**main(script), "volumeMounts": [{"name": "shared", "mountPath": "/s"}]}
    await pods.create("named", container, volumes=[{"name": "shared", "hostPath": {"path": str(shared)}}])
    pod = await pods.ready("named")
    node.kill_kubelet()
    hosts = node.pod_directory(pod) / "etc-hosts"
    hosts.unlink()
    hosts.mkdir()
    (shared / "hosts").unlink(missing_ok=True)
    (shared / "go").touch()
    await asyncio.to_thread(node.start_kubelet)
    await pods.until("named", "told what is wrong", lambda pod: f"Is a directory: {hosts}" == waits_for(pod))
    hosts.rmdir()
    await pods.until("named", "restarted", lambda pod: pod.status.container_statuses[0].restart_count == 1)
    await pods.ready("named")

    async def told() -> bool:
        return (shared / "hosts").exists() and f"{pod.status.pod_ip}\tnamed\n" in (shared / "hosts").read_text()

    await eventually(told)


async def test_a_deletion_under_way_is_finished_by_the_next_kubelet(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("leaving", main("trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done"))
    await pods.ready("leaving")
    await pods.client.delete(Pod, "leaving", pods.namespace)
    await asyncio.sleep(0.3)
    node.kill_kubelet()
    await asyncio.to_thread(node.start_kubelet)
    await pods.gone("leaving")
    try:
        await pods.get("leaving")
    except NotFound:
        return
    raise AssertionError("the pod is back")
