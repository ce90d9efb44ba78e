"""Requests through a proxy that knows many Ingresses, beside one that knows one; how soon a change of endpoints serves.

Without a cluster: the control process' own parts run in this process, Envoy and wrk as processes of their own.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path

from api.types import (
    HTTPIngressPath,
    HTTPIngressRuleValue,
    Ingress,
    IngressBackend,
    IngressRule,
    IngressServiceBackend,
    IngressSpec,
    ObjectMeta,
    Service,
    ServiceBackendPort,
    ServicePort,
    ServiceSpec,
)
from bench.results import Row, p50_p99, percentile
from ingress import rules
from ingress.model import Table
from ingress.xds import clusters
from ingress.xds.resource import ENDPOINTS, Snapshot
from tests.support.envoy import Ingress as Proxy
from tests.support.envoy import running

INGRESSES = 500
PATHS = 4
SECONDS = 3
CONNECTIONS = 32
CHANGES = 40
LEAST_SHARE = 0.8
MOST_CHANGE_SECONDS = 0.050
LOOPBACK = "127.0.0.1"
_REQUESTS = re.compile(r"Requests/sec:\s+([\d.]+)")

Address = tuple[str, int]


class Backend(asyncio.Protocol):
    """Answers whatever it is asked, at once, with its port."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n%05d" % transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Backend, LOOPBACK, 0) for _ in range(2)]
    addresses: list[Address] = [server.sockets[0].getsockname()[:2] for server in servers]
    async with running(folder) as proxy:
        one = await _rate(proxy, rules.compile([_ingress(0)], _service).table, addresses[0])
        started = time.perf_counter()
        table = rules.compile([_ingress(number) for number in range(INGRESSES)], _service).table
        compiled = time.perf_counter() - started
        many = await _rate(proxy, table, addresses[0])
        changes = await _changes(proxy, table, addresses)
        direct = await _wrk(f"http://{LOOPBACK}:{addresses[0][1]}/", "h0.example.com")
    for server in servers:
        server.close()
    return [
        Row(
            f"requests through the ingress with {INGRESSES} Ingresses of {PATHS} paths, {CONNECTIONS} connections",
            f"{many:,.0f}/s (compiled in {compiled * 1e3:.0f} ms)",
            f"{one:,.0f}/s with one Ingress; {direct:,.0f}/s the backend asked directly",
            f"≥ {LEAST_SHARE:.0%} (is {many / one:.0%})",
            many >= LEAST_SHARE * one,
        ),
        Row(
            "another endpoint told → requests answered by it, p50 / p99",
            p50_p99(changes),
            "no reload: connections stay",
            f"p99 ≤ {MOST_CHANGE_SECONDS * 1e3:.0f} ms",
            percentile(changes, 99) <= MOST_CHANGE_SECONDS,
        ),
    ]


def _ingress(number: int) -> Ingress:
    paths = [
        HTTPIngressPath(
            path=f"/{path}" if path else "/",
            path_type="Prefix",
            backend=IngressBackend(
                service=IngressServiceBackend(name=f"web-{number}", port=ServiceBackendPort(number=80))
            ),
        )
        for path in range(PATHS)
    ]
    rule = IngressRule(host=f"h{number}.example.com", http=HTTPIngressRuleValue(paths=paths))
    return Ingress(metadata=ObjectMeta(name=f"i{number}", namespace="bench"), spec=IngressSpec(rules=[rule]))


def _service(namespace: str, name: str) -> Service:
    return Service(metadata=ObjectMeta(name=name, namespace=namespace), spec=ServiceSpec(ports=[ServicePort(port=80)]))


def _snapshot(proxy: Proxy, table: Table, address: Address) -> Snapshot:
    """Every backend at one address."""
    return proxy.snapshot(table, {backend.service: [address] for backend in table.backends().values()})


async def _rate(proxy: Proxy, table: Table, address: Address) -> float:
    """Requests a second for the first host."""
    await proxy.publish(_snapshot(proxy, table, address))
    return await _wrk(proxy.url(), "h0.example.com")


async def _wrk(url: str, host: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-H", f"Host: {host}", url),
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0].decode()
    found = _REQUESTS.search(output)
    if found is None or "Non-2xx" in output:
        raise AssertionError(f"wrk got refusals from {url}:\n{output}")
    return float(found[1])


async def _changes(proxy: Proxy, table: Table, addresses: list[Address]) -> list[float]:
    """Seconds from telling of another endpoint of the first host until it is the one that answers, for each change."""
    first = next(name for name, backend in table.backends().items() if backend.service == "web-0")
    snapshot = _snapshot(proxy, table, addresses[0])
    found = []
    for number in range(1, CHANGES):
        address = addresses[number % 2]
        changed = {**snapshot[ENDPOINTS], first: clusters.endpoints(first, [address])}
        found.append(await _change(proxy, {**snapshot, ENDPOINTS: changed}, address))
    return found


async def _change(proxy: Proxy, snapshot: Snapshot, address: Address) -> float:
    reader, writer = await asyncio.open_connection(*proxy.bind.http)
    started = time.perf_counter()
    proxy.server.publish(snapshot)
    while True:
        writer.write(b"GET / HTTP/1.1\r\nHost: h0.example.com\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        if await reader.readexactly(5) == b"%05d" % address[1]:
            writer.close()
            return time.perf_counter() - started
