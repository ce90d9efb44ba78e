"""Service rules and names at size: 10,000 Services on one node; the node's DNS under a flood of questions."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
import urllib.request

import uvloop
from msgspec.structs import replace

from api.types import (
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    EndpointSlicePort,
    Namespace,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from bench import environment
from bench.environment import PODLING
from bench.results import Row, p50_p99, percentile
from bench.services import Monitor, in_node
from cluster.client import Client
from podling.launcher.plan import CLUSTER_DNS, KUBE_PROXY_STATUS_PORT, Cluster

SERVICES = 10_000
CHANGES = 200
WRITERS = 64
NAMESPACE = "many"
FLOOD_SECONDS = 3.0
IN_FLIGHT = 64
FIRST_SYNC_SECONDS = 5.0
CHANGE_SECONDS = 0.050
ANSWERS_PER_SECOND = 20_000

# Keeps so many questions in flight from one socket and prints how many were answered a second.
FLOOD = """
import socket, sys, time
host, port, query = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
seconds, in_flight = float(sys.argv[4]), int(sys.argv[5])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((host, port))
sock.settimeout(2)
for number in range(in_flight):
    sock.send(number.to_bytes(2, "big") + query)
answered, started = 0, time.monotonic()
while (now := time.monotonic()) - started < seconds:
    for _ in range(1000):
        data = sock.recv(2048)
        answered += 1
        sock.send(data[:2] + query)
print(answered / (now - started))
"""
ECHO = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 5399))
print("up", flush=True)
while True:
    data, peer = sock.recvfrom(2048)
    sock.sendto(data, peer)
"""


def measure() -> list[Row]:
    """On a cluster of one node, which is gone afterwards."""
    with environment.directory() as path:
        cluster = environment.up(path, 1)
        try:
            names = _names(cluster)
            return [*uvloop.run(_services(cluster)), names]
        finally:
            environment.down(path)


def _names(cluster: Cluster) -> Row:
    # The question for kubernetes.default.svc.cluster.local, without its id.
    labels = ("kubernetes", "default", "svc", "cluster", "local")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    query = bytes.fromhex("01000001000000000000") + name + bytes.fromhex("00010001")
    answers = _flood(cluster, CLUSTER_DNS, 53, query)
    command = in_node(cluster, sys.executable, "-c", ECHO)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as echo:
        assert echo.stdout is not None and echo.stdout.readline() == b"up\n"
        bare = _flood(cluster, "127.0.0.1", 5399, query)
        echo.kill()
    return Row(
        "DNS answers from one server process, one client",
        f"{answers:,.0f}/s",
        f"{bare:,.0f}/s of a bare UDP echo, same client",
        f"≥ {ANSWERS_PER_SECOND:,}/s",
        answers >= ANSWERS_PER_SECOND,
    )


def _flood(cluster: Cluster, host: str, port: int, query: bytes) -> float:
    arguments = (host, str(port), query.hex(), str(FLOOD_SECONDS), str(IN_FLIGHT))
    command = in_node(cluster, sys.executable, "-c", FLOOD, *arguments)
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def _services(cluster: Cluster) -> list[Row]:
    async with environment.client(cluster) as client:
        await client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        await _fill(client, cluster)
        first = await asyncio.to_thread(_restart, cluster)
        bare = await asyncio.to_thread(_bare_load, cluster)
        changed = await _changes(client, cluster)
    return [
        Row(
            f"{SERVICES:,} Services × 2 endpoints: kube-proxy started → all rules in the kernel",
            f"{first:.2f} s",
            f"{bare:.2f} s for `nft` to load as many map elements",
            f"≤ {FIRST_SYNC_SECONDS:.0f} s",
            first <= FIRST_SYNC_SECONDS,
        ),
        Row(
            f"one of {SERVICES:,} Services loses an endpoint: write → rule in the kernel, p50 / p99",
            p50_p99(changed),
            f"{bare:.2f} s, the same load",
            f"p99 ≤ {CHANGE_SECONDS * 1e3:.0f} ms",
            percentile(changed, 99) <= CHANGE_SECONDS,
        ),
    ]


async def _fill(client: Client, cluster: Cluster) -> None:
    numbers = iter(range(SERVICES))

    async def write() -> None:
        for number in numbers:
            await client.create(_service(number))
            await client.create(_slice(cluster, number, 2))

    await asyncio.gather(*(write() for _ in range(WRITERS)))


def _restart(cluster: Cluster) -> float:
    """Seconds from the process's end to its being ready again: every rule is in place then."""
    started = time.monotonic()
    subprocess.run([PODLING, "restart", "kube-proxy-node-1", "--dir", cluster.directory], check=True)
    address = f"https://{cluster.node(1).ip}:{KUBE_PROXY_STATUS_PORT}/readyz"
    context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
    while not _answers(address, context):
        time.sleep(0.01)
    return time.monotonic() - started


def _answers(address: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2, context=context):
            return True
    except OSError:
        return False


def _bare_load(cluster: Cluster) -> float:
    """`nft` with a map of as many destinations."""
    elements = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} : 10.9.0.1" for n in range(2 * SERVICES))
    declared = "add table ip bare\nadd map ip bare m { type ipv4_addr : ipv4_addr; }\n"
    text = f"{declared}add element ip bare m {{ {elements} }}\n"
    started = time.monotonic()
    subprocess.run(in_node(cluster, "nft", "-f", "-"), input=text, text=True, check=True)
    elapsed = time.monotonic() - started
    subprocess.run(in_node(cluster, "nft", "delete", "table", "ip", "bare"), check=True)
    return elapsed


async def _changes(client: Client, cluster: Cluster) -> list[float]:
    monitor = Monitor(cluster)
    await monitor.start()
    samples = []
    for number in range(0, SERVICES, SERVICES // CHANGES):
        held = await client.get(EndpointSlice, f"service-{number}", NAMESPACE)
        service = await client.get(Service, f"service-{number}", NAMESPACE)
        fewer = replace(held, endpoints=_slice(cluster, number, 1).endpoints)
        started = time.perf_counter()
        await client.update(fewer)
        samples.append(await monitor.saw("element", service.spec.cluster_ip) - started)
    await monitor.stop()
    return samples


def _service(number: int) -> Service:
    return Service(
        metadata=ObjectMeta(name=f"service-{number}", namespace=NAMESPACE),
        spec=ServiceSpec(ports=[ServicePort(name="http", port=80, target_port=8080)]),
    )


def _slice(cluster: Cluster, number: int, endpoints: int) -> EndpointSlice:
    prefix = cluster.node(1).pod_cidr.rsplit(".", 1)[0]
    labels = {"kubernetes.io/service-name": f"service-{number}"}
    return EndpointSlice(
        metadata=ObjectMeta(name=f"service-{number}", namespace=NAMESPACE, labels=labels),
        address_type="IPv4",
        ports=[EndpointSlicePort(name="http", port=8080, protocol="TCP")],
        endpoints=[
            Endpoint(addresses=[f"{prefix}.{200 + index}"], conditions=EndpointConditions(ready=True))
            for index in range(endpoints)
        ],
    )
