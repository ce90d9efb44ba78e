"""What a volume costs a pod's start, by kind; and a claim, from nothing to a pod that has it."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

from api import codec
from api.types import ConfigMap, Namespace, ObjectMeta, PersistentVolumeClaim, Pod
from bench import environment
from bench.results import Row, p50_p99, percentile
from cluster.client import Client, EventType
from podling.launcher.plan import Cluster

SAMPLES = 12
SPACE = "volumes"
_KINDS: dict[str, dict[str, Any]] = {
    "emptyDir": {"emptyDir": {}},
    "emptyDir in memory": {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    "ConfigMap": {"configMap": {"name": "some"}},
    "hostPath": {"hostPath": {"path": "/tmp"}},
    "image": {"image": {"reference": "busybox"}},
    "a bound claim": {"persistentVolumeClaim": {"claimName": "kept"}},
}


async def measure(cluster: Cluster) -> list[Row]:
    async with environment.client(cluster) as client:
        await _prepare(client)
        without = await _starts(client, None)
        yardstick = percentile(without, 50)
        rows = []
        for kind, source in _KINDS.items():
            samples = await _starts(client, source)
            more = (percentile(samples, 50) - yardstick) * 1e3
            measured = f"{p50_p99(samples)} ({more:+.1f} ms at p50)"
            rows.append(Row(f"pod with a volume, {kind}: p50 / p99", measured, f"{p50_p99(without)} without", "stated"))
        fresh = await _claims(client)
        figure = "claim and pod created → volume made, bound, mounted, pod Running: p50 / p99"
        rows.append(Row(figure, p50_p99(fresh), f"{p50_p99(without)} without", "stated"))
        await client.delete(Namespace, SPACE)
    return rows


async def _prepare(client: Client) -> None:
    await environment.namespace(client, SPACE)
    await client.create(ConfigMap(metadata=ObjectMeta(name="some", namespace=SPACE), data={"key": "value"}))
    await client.create(_claim("kept"))


def _claim(name: str) -> PersistentVolumeClaim:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    return codec.from_tree(PersistentVolumeClaim, {"metadata": {"name": name, "namespace": SPACE}, "spec": spec})


def _pod(name: str, source: dict[str, Any] | None) -> Pod:
    container: dict[str, Any] = {"name": "main", "image": "busybox", "command": ["sleep", "3600"]}
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
    if source is not None:
        container["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
        spec["volumes"] = [{"name": "v", **source}]
    return codec.from_tree(Pod, {"metadata": {"name": name, "namespace": SPACE}, "spec": spec})


async def _starts(client: Client, source: dict[str, Any] | None) -> list[float]:
    """Seconds from created to Running; the first is not counted: it makes what the others find."""
    return [await _start(client, _pod(f"pod-{number}", source)) for number in range(SAMPLES)][1:]


async def _claims(client: Client) -> list[float]:
    samples = []
    for number in range(SAMPLES):
        name = f"fresh-{number}"
        source = {"persistentVolumeClaim": {"claimName": name}}
        samples.append(await _start(client, _pod(f"pod-{number}", source), _claim(name)))
        await client.delete(PersistentVolumeClaim, name, SPACE)
    return samples[1:]


async def _start(client: Client, pod: Pod, claim: PersistentVolumeClaim | None = None) -> float:
    name = pod.metadata.name
    revision = (await client.list(Pod, SPACE)).revision
    waiting = asyncio.create_task(_running(client, revision, name))
    await asyncio.sleep(0.1)
    started = time.perf_counter()
    if claim is not None:
        await client.create(claim)
    await client.create(pod)
    seconds = await asyncio.wait_for(waiting, 60) - started
    await client.delete(Pod, name, SPACE)
    while (await client.list(Pod, SPACE)).items:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return seconds


async def _running(client: Client, revision: int, name: str) -> float:
    async with aclosing(client.watch(Pod, SPACE, resource_version=str(revision))) as batches:
        async for batch in batches:
            for event in batch.events:
                pod = event.object
                is_ours = pod.metadata.name == name and event.type is not EventType.DELETED
                if is_ours and pod.status.phase == "Running":
                    return time.perf_counter()
    raise AssertionError("the watch ended before the pod ran")
