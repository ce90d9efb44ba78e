"""The node itself: its object, lease, routes, metrics; and its kubelet coming and going."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from api import codec
from api.errors import NotFound
from api.types import Lease, Node, Pod
from tests.support.kubelet_node import LISTEN_PORT, NODE, NodeUnderTest, Pods, condition

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "command": ["sh", "-c", script], **more}


async def end_when_told(pods: Pods, name: str) -> Path:
    """Make a pod that ends well once the file that is returned is there."""
    shared = pods.node.directory / f"{pods.namespace}-{name}"
    shared.mkdir()
    wait = shell("until test -e /s/end; do sleep 0.05; done", volumeMounts=[{"name": "shared", "mountPath": "/s"}])
    volumes = [{"name": "shared", "hostPath": {"path": str(shared)}}]
    await pods.create(name, wait, restartPolicy="Never", volumes=volumes)
    return shared / "end"


async def test_the_node_object(pods: Pods) -> None:
    async def reported() -> Node | None:
        node = await pods.client.get(Node, NODE)
        return node if condition(node, "Ready") == "True" and node.status.images else None

    node = await pods.eventually("the node says how it is", reported)
    assert node.spec.pod_cidr == "10.217.1.0/24"
    assert node.metadata.labels["kubernetes.io/hostname"] == NODE
    assert node.metadata.labels["kubernetes.io/os"] == "linux"
    assert {address.type: address.address for address in node.status.addresses} == {
        "InternalIP": pods.node.node_ip,
        "Hostname": NODE,
    }
    assert node.status.capacity["cpu"] == "2"
    assert node.status.capacity["memory"] == "2Gi"
    assert node.status.allocatable["memory"] == "1948Mi"
    assert node.status.capacity["pods"] == "110"
    assert node.status.daemon_endpoints.kubelet_endpoint.port == 10250
    assert node.status.node_info.container_runtime_version.startswith("runc://")
    assert condition(node, "MemoryPressure") == "False"
    assert any("docker.io/library/busybox:latest" in image.names for image in node.status.images)


async def test_the_lease_is_renewed_and_belongs_to_the_node(pods: Pods) -> None:
    first = await pods.client.get(Lease, NODE, "kube-node-lease")
    assert first.spec.holder_identity == NODE
    assert first.spec.lease_duration_seconds == 40

    async def renewed() -> Lease | None:
        lease = await pods.client.get(Lease, NODE, "kube-node-lease")
        return lease if lease.spec.renew_time != first.spec.renew_time and lease.metadata.owner_references else None

    lease = await pods.eventually("the lease is renewed", renewed)
    node = await pods.client.get(Node, NODE)
    (owner,) = lease.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid) == ("Node", NODE, node.metadata.uid)


async def test_a_deleted_node_registers_again(pods: Pods) -> None:
    before = await pods.client.get(Node, NODE)
    await pods.client.delete(Node, NODE)

    async def registered() -> bool:
        try:
            node = await pods.client.get(Node, NODE)
        except NotFound:
            return False
        return node.metadata.uid != before.metadata.uid and condition(node, "Ready") == "True"

    await pods.eventually("the node is back", registered)


async def test_other_nodes_pods_are_routed_and_no_longer_when_the_node_goes(pods: Pods) -> None:
    tree = {
        "metadata": {"name": "node-2"},
        "spec": {"podCIDR": "10.217.2.0/24", "podCIDRs": ["10.217.2.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": pods.node.host_ip}]},
    }
    made = codec.from_tree(Node, tree)
    created = await pods.client.create(made)
    await pods.client.update(replace(created, status=made.status), subresource="status")

    async def routed() -> bool:
        return f"10.217.2.0/24 via {pods.node.host_ip}" in pods.node.netns.ip("route")

    await pods.eventually("a route to the other node's pods", routed)
    pods.node.netns.ip("route", "add", "10.99.0.0/24", "via", pods.node.host_ip)
    await pods.client.delete(Node, "node-2")

    async def unrouted() -> bool:
        return "10.217.2.0/24" not in pods.node.netns.ip("route")

    await pods.eventually("the route is gone", unrouted)
    assert "10.99.0.0/24" in pods.node.netns.ip("route"), "somebody else's route stays"
    pods.node.netns.ip("route", "del", "10.99.0.0/24")


async def test_metrics(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("measured", shell(FOREVER))
    await pods.ready("measured")
    for path, words in (
        (
            "/metrics/cadvisor",
            (
                'pod="measured",cpu="total"}',
                "container_memory_working_set_bytes{",
                "container_network_receive_bytes_total{",
            ),
        ),
        (
            "/metrics/resource",
            (f'container="main",namespace="{pods.namespace}",pod="measured"', "node_cpu_usage_seconds_total "),
        ),
        ("/metrics", ("kubelet_running_pods ", 'kubelet_running_containers{container_state="running"}')),
    ):

        async def shown(path: str = path, words: tuple[str, ...] = words) -> bool:
            status, text = await asyncio.to_thread(node.page, path)
            return status == 200 and all(word in text for word in words)

        await pods.eventually(f"{path} shows the pod", shown)
    status, _ = await asyncio.to_thread(node.page, "/metrics", None)
    assert status == 401


async def test_the_nodes_port_answers_over_https_too(pods: Pods, node: NodeUnderTest) -> None:
    def ask(path: str, identity: str | None = "admin", token: str = "") -> tuple[int, str]:
        return node.page(path, identity, port=LISTEN_PORT, token=token)

    await pods.create("shown", shell(f"echo said; {FOREVER}"))
    await pods.ready("shown")
    for path, words in (
        ("/healthz", "ok"),
        ("/pods", '"name":"shown"'),
        ("/stats/summary", '"podRef":{"name":"shown"'),
        ("/metrics", "kubelet_running_pods "),
        ("/metrics/resource", 'pod="shown"'),
        ("/configz", "kubeletconfig"),
        ("/logs/", f"{pods.namespace}_shown_"),
        (f"/containerLogs/{pods.namespace}/shown/main?tailLines=1", "said"),
    ):

        async def shown(path: str = path, words: str = words) -> bool:
            status, text = await asyncio.to_thread(ask, path)
            return status == 200 and words in text

        await pods.eventually(f"{path} shows {words}", shown)
    assert await asyncio.to_thread(ask, "/pods", None) == (401, "Unauthorized")
    assert (await asyncio.to_thread(ask, "/pods", None, "no-token"))[0] == 401
    for path in ("/nowhere", "/logs/no-such", "/logs/../pods", "/logs/%2e%2e/pods/"):
        assert (await asyncio.to_thread(ask, path))[0] == 404, path
    assert (await asyncio.to_thread(ask, "/run/x/y/z", "kubelet"))[0] == 403


async def test_a_killed_kubelet_finds_its_pods_again_and_kills_none(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("steady", shell(FOREVER), shell(FOREVER) | {"name": "other"})
    await pods.create(
        "restarted",
        shell("test -e /v/x && sleep 1000; touch /v/x; exit 1", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    before = await pods.ready("steady")
    again = await pods.until(
        "restarted", "runs again", lambda pod: _restarts(pod) == 1 and condition(pod, "Ready") == "True"
    )
    end = await end_when_told(pods, "ends")
    await pods.phase("ends", "Running")
    node.kill_kubelet()
    end.touch()
    await pods.client.delete(Pod, "restarted", pods.namespace, grace_period_seconds=1)
    await asyncio.to_thread(node.start_kubelet)
    await pods.phase("ends", "Succeeded")
    await pods.gone("restarted")
    after = await pods.get("steady")
    assert _ids(after) == _ids(before)
    assert _restarts(after) == 0
    assert after.status.conditions == before.status.conditions, "not even for a moment was it not ready"
    assert _restarts(again) == 1


async def test_a_kubelet_told_to_stop_leaves_its_pods_running(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("stays", shell("i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"))
    pod = await pods.ready("stays")
    log = next((node.data_dir / "logs").glob(f"*{pod.metadata.uid}")) / "main" / "0.log"
    assert node.stop_kubelet() == 0
    size = log.stat().st_size

    async def grows() -> bool:
        return log.stat().st_size > size

    await pods.eventually("the container goes on writing", grows)
    await asyncio.to_thread(node.start_kubelet)
    assert _ids(await pods.ready("stays")) == _ids(pod)


async def test_what_was_deleted_while_the_kubelet_was_down_is_cleaned_up(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("orphan", shell(FOREVER))
    pod = await pods.ready("orphan")
    node.kill_kubelet()
    await pods.client.delete(Pod, "orphan", pods.namespace, grace_period_seconds=0)
    stray = node.data_dir / "pods" / "00000000-0000-0000-0000-000000000000"
    (stray / "volumes").mkdir(parents=True)
    await asyncio.to_thread(node.start_kubelet)

    async def cleaned() -> bool:
        return not stray.exists() and not any(pod.metadata.uid in left for left in node.leftovers())

    await pods.eventually("nothing of the orphan is left", cleaned)


async def test_an_api_server_that_goes_away_is_only_a_pause(pods: Pods, node: NodeUnderTest) -> None:
    end = await end_when_told(pods, "before")
    await pods.phase("before", "Running")
    node.apiserver.kill()
    end.touch()
    await asyncio.to_thread(node.apiserver.start)
    await pods.phase("before", "Succeeded")
    await pods.create("after", shell(FOREVER))
    await pods.ready("after")


async def test_a_status_that_did_not_change_is_not_written_again(pods: Pods) -> None:
    """The next look at the machine comes within a second of a restart; only its heartbeat differs."""
    node = pods.node
    node.stop_kubelet()
    node.extra_flags = ["--status-check-seconds=0.1"]
    try:
        await asyncio.to_thread(node.start_kubelet)

        async def rests() -> bool:
            before = (await pods.client.get(Node, NODE)).metadata.resource_version
            await asyncio.sleep(1)
            return (await pods.client.get(Node, NODE)).metadata.resource_version == before

        await pods.eventually("the node object comes to rest", rests)
    finally:
        node.stop_kubelet()
        node.extra_flags = []
        await asyncio.to_thread(node.start_kubelet)


def _ids(pod: Pod) -> list[str]:
    return [status.container_id for status in pod.status.container_statuses]


def _restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)
