"""How soon a write is seen by a watcher, and how many events a second reach a hundred of them."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, aclosing

import grpc

from api.types import ConfigMap, Namespace, ObjectMeta
from bench import environment
from bench.rest import cluster_etcd
from bench.results import Row, p50_p99, percentile
from cluster.client import Client
from cluster.pb import etcd_pb2, etcd_pb2_grpc
from podling.launcher.plan import Cluster

SAMPLES = 300
WATCHERS = 100
CHANNELS = 4
BURST = 500


async def measure(cluster: Cluster) -> list[Row]:
    async with environment.client(cluster) as writer, environment.client(cluster) as watcher:
        await writer.create(Namespace(metadata=ObjectMeta(name="watching")))
        ours = await _latency(writer, watcher)
        etcd = await _etcd_latency(cluster)
        rate, write_rate = await _fan_out(cluster, writer)
    p50 = percentile(ours, 50)
    return [
        Row(
            "one write seen by a watcher (gRPC): p50 / p99",
            p50_p99(ours),
            f"{p50_p99(etcd)} for a put seen by a watcher of the same etcd",
            "p50 ≤ 3 ms",
            p50 <= 0.003,
        ),
        Row(f"events/s to {WATCHERS} watchers", f"{rate:,.0f}/s", f"{write_rate:,.0f} writes/s went in", "stated"),
    ]


def _config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="watching"), data={"key": "value"})


async def _latency(writer: Client, watcher: Client) -> list[float]:
    """From the call of create to the event, one at a time."""
    seen: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    revision = (await watcher.list(ConfigMap, "watching")).revision

    async def follow() -> None:
        async with aclosing(watcher.watch(ConfigMap, "watching", resource_version=str(revision))) as batches:
            async for batch in batches:
                for event in batch.events:
                    seen.put_nowait((event.object.metadata.name, time.perf_counter()))

    async def saw(name: str) -> float:
        """When; the namespace's own objects, made by controllers, come in between."""
        while True:
            found, at = await seen.get()
            if found == name:
                return at

    following = asyncio.create_task(follow())
    samples = []
    for number in range(SAMPLES):
        name = f"latency-{number}"
        started = time.perf_counter()
        await writer.create(_config_map(name))
        samples.append(await asyncio.wait_for(saw(name), 10) - started)
    following.cancel()
    await asyncio.wait([following])
    return samples[SAMPLES // 10 :]


async def _etcd_latency(cluster: Cluster) -> list[float]:
    pki = cluster.pki / "etcd"
    credentials = grpc.ssl_channel_credentials(
        (pki / "ca.crt").read_bytes(), (pki / "client.key").read_bytes(), (pki / "client.crt").read_bytes()
    )
    async with grpc.aio.secure_channel(cluster_etcd(cluster), credentials) as channel:
        kv, watch = etcd_pb2_grpc.KVStub(channel), etcd_pb2_grpc.WatchStub(channel)
        call = watch.Watch()
        await call.write(etcd_pb2.WatchRequest(create_request=etcd_pb2.WatchCreateRequest(key=b"/bench/watched")))
        await call.read()
        samples = []
        for _ in range(SAMPLES):
            started = time.perf_counter()
            await kv.Put(etcd_pb2.PutRequest(key=b"/bench/watched", value=b"x" * 300))
            await call.read()
            samples.append(time.perf_counter() - started)
        call.cancel()
    return samples[SAMPLES // 10 :]


async def _fan_out(cluster: Cluster, writer: Client) -> tuple[float, float]:
    """Events per second delivered to all watchers while writes come as fast as they go, and those writes per second."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(environment.client(cluster)) for _ in range(CHANNELS)]
        revision = (await writer.list(ConfigMap, "watching")).revision
        received = 0
        done = asyncio.Event()

        async def follow(client: Client) -> None:
            nonlocal received
            async with aclosing(client.watch(ConfigMap, "watching", resource_version=str(revision))) as batches:
                async for batch in batches:
                    received += len(batch.events)
                    if received >= BURST * WATCHERS:
                        done.set()

        watching = [asyncio.create_task(follow(clients[number % CHANNELS])) for number in range(WATCHERS)]
        started = time.perf_counter()
        await asyncio.gather(*(writer.create(_config_map(f"burst-{number}")) for number in range(BURST)))
        wrote = time.perf_counter() - started
        await asyncio.wait_for(done.wait(), 120)
        elapsed = time.perf_counter() - started
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
    return BURST * WATCHERS / elapsed, BURST / wrote
