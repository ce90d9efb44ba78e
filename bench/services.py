"""How soon a Service's rule is in the kernel, and gone again: read off `nft monitor` inside a node."""

from __future__ import annotations

import asyncio
import time

from api.types import (
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Namespace,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from bench import environment
from bench.results import Row, p50_p99, percentile
from podling.launcher.plan import Cluster

COUNT = 50
ENDPOINTS = 3
NODE = 1


async def measure(cluster: Cluster) -> list[Row]:
    async with environment.client(cluster) as client:
        await client.create(Namespace(metadata=ObjectMeta(name="services")))
        for number in range(COUNT):
            await client.create(_slice(cluster, number))
        monitor = Monitor(cluster)
        await monitor.start()
        appeared, vanished = [], []
        for number in range(COUNT):
            started = time.perf_counter()
            service = await client.create(_service(number))
            appeared.append(await monitor.saw("add element", service.spec.cluster_ip) - started)
            started = time.perf_counter()
            await client.delete(Service, service.metadata.name, "services")
            vanished.append(await monitor.saw("delete element", service.spec.cluster_ip) - started)
        await monitor.stop()
    bare = await _bare_element(cluster)
    worst = max(percentile(appeared, 99), percentile(vanished, 99))
    return [
        Row(
            f"{COUNT} Services with {ENDPOINTS} endpoints, created and deleted: write → rule in the kernel, p50 / p99",
            f"added {p50_p99(appeared)}, removed {p50_p99(vanished)}",
            f"{p50_p99(bare)} for one `nft add element` in the same node",
            "p99 ≤ 50 ms",
            worst <= 0.050,
        ),
    ]


def _slice(cluster: Cluster, number: int) -> EndpointSlice:
    """Endpoints made before their Service, so that what is timed is the Service."""
    prefix = cluster.node(NODE).pod_cidr.rsplit(".", 1)[0]
    return EndpointSlice(
        metadata=ObjectMeta(
            name=f"service-{number}", namespace="services", labels={"kubernetes.io/service-name": f"service-{number}"}
        ),
        address_type="IPv4",
        ports=[EndpointPort(name="http", port=8080, protocol="TCP")],
        endpoints=[
            Endpoint(addresses=[f"{prefix}.{200 + index}"], conditions=EndpointConditions(ready=True))
            for index in range(ENDPOINTS)
        ],
    )


def _service(number: int) -> Service:
    return Service(
        metadata=ObjectMeta(name=f"service-{number}", namespace="services"),
        spec=ServiceSpec(ports=[ServicePort(name="http", port=80, target_port=8080)]),
    )


def in_node(cluster: Cluster, *command: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/run/netns/{cluster.node(NODE).netns}", *command)


class Monitor:
    """`nft monitor` in a node: each change of the kernel's rules as a line, the moment it is made."""

    def __init__(self, cluster: Cluster) -> None:
        self._command = in_node(cluster, "nft", "monitor")
        self._lines: asyncio.Queue[tuple[float, str]] = asyncio.Queue()

    async def start(self) -> None:
        # It warns of each set it was not told of before.
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        self._reading = asyncio.create_task(self._read())
        await asyncio.sleep(0.5)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._lines.put_nowait((time.perf_counter(), line.decode()))

    async def saw(self, change: str, address: str) -> float:
        """When the first line with both came."""
        async with asyncio.timeout(10):
            while True:
                at, line = await self._lines.get()
                if change in line and address in line:
                    return at

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reading


async def _bare_element(cluster: Cluster) -> list[float]:
    """`nft add element` to a map of our own, as a process."""
    table = "ip podling-bench"
    await _nft(cluster, f"add table {table}; add map {table} m {{ type ipv4_addr : ipv4_addr; }}")
    samples = []
    for number in range(COUNT):
        started = time.perf_counter()
        await _nft(cluster, f"add element {table} m {{ 10.0.0.{number} : 10.0.1.{number} }}")
        samples.append(time.perf_counter() - started)
    await _nft(cluster, f"delete table {table}")
    return samples


async def _nft(cluster: Cluster, rules: str) -> None:
    process = await asyncio.create_subprocess_exec(*in_node(cluster, "nft", rules))
    assert await process.wait() == 0
