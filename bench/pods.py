"""How soon a pod runs, alone on an idle cluster and among two hundred."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from api.types import Container, ObjectMeta, Pod, PodSpec
from bench import environment
from bench.results import Row, p50_p99, percentile
from cluster.client import Client, EventType
from images.store import Store
from podling.launcher.plan import Cluster

SAMPLES = 30
BURST = 200
COMMAND = ["sleep", "3600"]


async def measure(cluster: Cluster) -> list[Row]:
    async with environment.client(cluster) as client:
        await environment.namespace(client, "pods")
        single = await _singles(client)
        runc = await asyncio.to_thread(_runc_runs, cluster)
        seconds = await _burst(client)
    p50, yardstick = percentile(single, 50), percentile(runc, 50)
    return [
        Row(
            "pod created → Running, one container, idle cluster: p50 / p99",
            p50_p99(single),
            f"{p50_p99(runc)} for one `runc run` of the same container",
            f"p50 ≤ 4 × (is {p50 / yardstick:.1f} ×)",
            p50 <= 4 * yardstick,
        ),
        Row(
            f"{BURST} pods on three nodes, created at once → all Running",
            f"{BURST / seconds:.1f} pods/s",
            f"{1 / yardstick:.1f}/s for `runc run` one after the other",
            "stated",
        ),
    ]


def _pod(name: str) -> Pod:
    container = Container(name="main", image="busybox", command=COMMAND)
    spec = PodSpec(containers=[container], termination_grace_period_seconds=0)
    return Pod(metadata=ObjectMeta(name=name, namespace="pods"), spec=spec)


async def _running(client: Client, revision: int, count: int) -> float:
    """When `count` pods have been seen Running, after `revision`."""
    running: set[str] = set()
    async with aclosing(client.watch(Pod, "pods", resource_version=str(revision))) as batches:
        async for batch in batches:
            for event in batch.events:
                pod = event.object
                if event.type is not EventType.DELETED and pod.status.phase == "Running":
                    running.add(pod.metadata.name)
            if len(running) >= count:
                return time.perf_counter()
    raise AssertionError("the watch ended before the pods ran")


async def _gone(client: Client) -> None:
    while (await client.list(Pod, "pods")).items:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _singles(client: Client) -> list[float]:
    samples = []
    for number in range(SAMPLES):
        revision = (await client.list(Pod, "pods")).revision
        waiting = asyncio.create_task(_running(client, revision, 1))
        await asyncio.sleep(0.1)
        started = time.perf_counter()
        await client.create(_pod(f"single-{number}"))
        samples.append(await asyncio.wait_for(waiting, 60) - started)
        await client.delete(Pod, f"single-{number}", "pods")
        await _gone(client)
    return samples[1:]


async def _burst(client: Client) -> float:
    revision = (await client.list(Pod, "pods")).revision
    waiting = asyncio.create_task(_running(client, revision, BURST))
    await asyncio.sleep(0.1)
    started = time.perf_counter()
    await asyncio.gather(*(client.create(_pod(f"burst-{number}")) for number in range(BURST)))
    seconds = await asyncio.wait_for(waiting, 300) - started
    await asyncio.gather(*(client.delete(Pod, f"burst-{number}", "pods") for number in range(BURST)))
    await _gone(client)
    return seconds


def _runc_runs(cluster: Cluster) -> list[float]:
    """`runc run` of busybox from the same layers: create, start, end, delete."""
    samples = []
    with _bundle(cluster) as (bundle, state):
        for number in range(SAMPLES):
            started = time.perf_counter()
            command = ["runc", "--root", str(state), "run", "--bundle", str(bundle), f"bench-{number}"]
            subprocess.run(command, check=True, capture_output=True)
            samples.append(time.perf_counter() - started)
    return samples[1:]


@contextmanager
def _bundle(cluster: Cluster) -> Iterator[tuple[Path, Path]]:
    """An OCI bundle with busybox's layers mounted, as the kubelet mounts them."""
    layers = Store(cluster.image_store).resolve("busybox").layers
    with tempfile.TemporaryDirectory(prefix="podling-bench-runc-") as name:
        bundle = Path(name)
        for folder in ("rootfs", "upper", "work", "state"):
            (bundle / folder).mkdir()
        lower = ":".join(str(layer) for layer in reversed(layers))
        options = f"lowerdir={lower},upperdir={bundle}/upper,workdir={bundle}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(bundle / "rootfs")], check=True)
        try:
            subprocess.run(["runc", "spec", "--bundle", str(bundle)], check=True)
            config = json.loads((bundle / "config.json").read_text())
            config["process"].update(args=["true"], terminal=False)
            config["linux"]["cgroupsPath"] = f"{cluster.cgroup}/bench"
            (bundle / "config.json").write_text(json.dumps(config))
            yield bundle, bundle / "state"
        finally:
            subprocess.run(["umount", str(bundle / "rootfs")], check=True)
            shutil.rmtree(bundle / "work", ignore_errors=True)
