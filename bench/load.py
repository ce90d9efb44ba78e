"""Pods by the thousand, written and watched as cheaply as a client can: what is measured is the cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench import environment
from cluster.connection import open_channel
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from cluster.writes import WriteStream
from podling.launcher.plan import Cluster

IN_FLIGHT = 200
WRITE_SECONDS = 120.0
PODS = pb.Target(version="v1", resource="pods")

Tree = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """When (perf_counter) each pod whose name begins with `prefix` was first seen bound, running, gone."""

    prefix: str
    bound: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    def take(self, event: pb.WatchEvent, now: float) -> None:
        raw, name = event.object.raw, event.object.name
        if not name.startswith(self.prefix):
            return
        if event.type == pb.WatchEvent.DELETED:
            self.gone[name] = now
            return
        # Not decoded: a client that reads 10,000 pods four times over would be measured too.
        if name not in self.bound and b'"nodeName":"' in raw:
            self.bound[name] = now
        if name not in self.running and b'"phase":"Running"' in raw:
            self.running[name] = now


class Load:
    """Writes and follows the pods of one cluster."""

    def __init__(self, stub: pb_grpc.ObjectsStub) -> None:
        self._stub = stub
        self._writes = WriteStream(stub)
        self._gate = asyncio.Semaphore(IN_FLIGHT)

    async def create(self, target: pb.Target, trees: Iterable[Tree]) -> None:
        """Create all objects, IN_FLIGHT at a time."""
        await asyncio.gather(*(self._create(target, tree) for tree in trees))

    async def _create(self, target: pb.Target, tree: Tree) -> None:
        request = pb.CreateRequest(target=target, body=orjson.dumps(tree))
        request.target.namespace = tree["metadata"].get("namespace", "")
        async with self._gate:
            await self._writes.submit(pb.Write(create=request), WRITE_SECONDS)

    async def patch(self, target: pb.Target, body: Tree, *, subresource: str = "") -> None:
        """Merge-patch one object."""
        full = pb.Target()
        full.CopyFrom(target)
        full.subresource = subresource
        request = pb.PatchRequest(target=full, body=orjson.dumps(body), patch_type="application/merge-patch+json")
        await self._writes.submit(pb.Write(patch=request), WRITE_SECONDS)

    async def list(self, resource: str, namespace: str = "") -> list[Tree]:
        """Every object, as JSON."""
        target = pb.Target(version="v1", resource=resource, namespace=namespace)
        items: list[Tree] = []
        async for batch in self._stub.List(pb.ListRequest(target=target)):
            items += [orjson.loads(item.raw) for item in batch.items]
        return items

    @asynccontextmanager
    async def following(self, namespace: str, prefix: str) -> AsyncIterator[Seen]:
        """What happens to the pods of a namespace whose names begin so, meanwhile."""
        seen, ready = Seen(prefix), asyncio.Event()
        task = asyncio.create_task(self._follow(namespace, seen, ready))
        await ready.wait()
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self, namespace: str, seen: Seen, ready: asyncio.Event) -> None:
        target = pb.Target(version="v1", resource="pods", namespace=namespace)
        call = self._stub.Watch(pb.WatchRequest(target=target))
        await call.initial_metadata()
        ready.set()
        async for batch in call:
            now = time.perf_counter()
            for event in batch.events:
                seen.take(event, now)

    async def close(self) -> None:
        await self._writes.close()


@asynccontextmanager
async def open_load(cluster: Cluster) -> AsyncIterator[Load]:
    """On a channel of its own, as admin."""
    async with open_channel(environment.connection(cluster)) as channel:
        load = Load(pb_grpc.ObjectsStub(channel))
        try:
            yield load
        finally:
            await load.close()


async def reached(times: Mapping[str, float], count: int, seconds: float) -> float:
    """When the last of `count` was seen; raises TimeoutError."""
    deadline = time.perf_counter() + seconds
    while len(times) < count:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{len(times)} of {count} after {seconds:.0f} s")
        await asyncio.sleep(0.05)
    return max(times.values())


class CpuMeter:
    """CPU seconds that each process of a cluster has used since it was started."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = self._read()

    def used(self) -> dict[str, float]:
        now = self._read()
        return {name: now[name] - self._before[name] for name in now}

    def _read(self) -> dict[str, float]:
        return {name: _cpu_seconds(pid) for name, pid in self._pids.items()}


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


__all__ = ["PODS", "CpuMeter", "Load", "Seen", "open_load", "reached"]
