"""What a Service costs the bytes that go through it: one stream to its cluster IP beside one straight to its pod."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from typing import Any

from api import codec
from api.types import Namespace, Pod, Service
from bench import environment
from bench.results import Row
from cluster.client import Client
from podling.launcher.plan import Cluster

SPACE = "throughput"
PORT = 5201
SECONDS = 2.0
ROUNDS = 5
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05

_SERVER = f"""
import socket
buffer = bytearray(1 << 20)
listener = socket.create_server(("0.0.0.0", {PORT}))
while True:
    with listener.accept()[0] as stream:
        while stream.recv_into(buffer):
            pass
"""
_CLIENT = """
import socket, sys, time
data, sent = bytes(1 << 20), 0
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as stream:
    started = time.monotonic()
    while (now := time.monotonic()) - started < float(sys.argv[3]):
        sent += stream.send(data)
open("/dev/termination-log", "w").write(str(sent / (now - started)))
"""


async def measure(cluster: Cluster) -> list[Row]:
    here, there = cluster.nodes[0].name, cluster.nodes[1].name
    async with environment.client(cluster) as client:
        await environment.namespace(client, SPACE)
        await client.create(_pod("server", there, _SERVER))
        server = await _until(client, "server", lambda pod: pod.status.phase == "Running")
        service = await client.create(_service())
        straight, through = [], []
        for number in range(ROUNDS):
            straight.append(await _stream(client, f"straight-{number}", here, server.status.pod_ip))
            through.append(await _stream(client, f"through-{number}", here, service.spec.cluster_ip))
        await client.delete(Namespace, SPACE)
    ours, bare = statistics.median(through), statistics.median(straight)
    return [
        Row(
            f"one TCP stream through a ClusterIP to a pod of another node, median of {ROUNDS}",
            f"{_rate(ours)} ({ours / bare:.0%})",
            f"{_rate(bare)} to the pod's own address",
            "stated",
        )
    ]


def _rate(bytes_per_second: float) -> str:
    return f"{bytes_per_second * 8 / 1e9:.1f} Gbit/s"


async def _stream(client: Client, name: str, node: str, address: str) -> float:
    """Bytes a second that one pod gets rid of."""
    await client.create(_pod(name, node, _CLIENT, address, str(PORT), str(SECONDS)))
    pod = await _until(client, name, lambda pod: pod.status.phase in ("Succeeded", "Failed"))
    terminated = pod.status.container_statuses[0].state.terminated
    assert terminated is not None and terminated.exit_code == 0, f"{name}: {terminated}"
    return float(terminated.message)


async def _until(client: Client, name: str, check: Callable[[Pod], bool]) -> Pod:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            pod = await client.get(Pod, name, SPACE)
            if check(pod):
                return pod
            await asyncio.sleep(POLL_SECONDS)


def _pod(name: str, node: str, program: str, *arguments: str) -> Pod:
    container: dict[str, Any] = {"name": "main", "image": "python", "command": ["python3", "-c", program, *arguments]}
    spec = {"nodeName": node, "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    metadata = {"name": name, "namespace": SPACE, "labels": {"app": name}}
    return codec.from_tree(Pod, {"metadata": metadata, "spec": spec})


def _service() -> Service:
    spec = {"selector": {"app": "server"}, "ports": [{"port": PORT}]}
    return codec.from_tree(Service, {"metadata": {"name": "server", "namespace": SPACE}, "spec": spec})
