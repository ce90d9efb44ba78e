"""The cluster the benchmarks run against, and the clients they use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from api.errors import NotFound
from api.types import Namespace, ObjectMeta, ServiceAccount
from cluster.client import Client
from cluster.connection import Connection, open_channel
from podling.launcher.plan import Cluster

ACCOUNT_SECONDS = 30.0
PODLING = Path(sys.executable).parent / "podling"


@contextmanager
def directory() -> Iterator[Path]:
    """An empty directory for a cluster."""
    with tempfile.TemporaryDirectory(prefix="podling-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def up(path: Path, nodes: int, *flags: str) -> Cluster:
    """Start a cluster and return its plan. flags: further ones of `podling up`."""
    subprocess.run([PODLING, "up", "--nodes", str(nodes), *flags, "--dir", path], check=True, capture_output=True)
    return msgspec.json.decode((path / "cluster.json").read_bytes(), type=Cluster)


def processes(cluster: Cluster) -> dict[str, tuple[int, float]]:
    """Process id and resident megabytes of each process, as `podling status` shows them."""
    command = [PODLING, "status", "--dir", cluster.directory]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    pid, rss = (lines[0].split().index(column) for column in ("PID", "RSS"))
    words = [line.split() for line in lines[1:]]
    return {word[0]: (int(word[pid]), float(word[rss].removesuffix("MB"))) for word in words}


def down(path: Path) -> None:
    subprocess.run([PODLING, "down", "--dir", path], check=True, capture_output=True)


async def namespace(client: Client, name: str) -> None:
    """Make a namespace and wait for its service account: without it no pod is let in."""
    await client.create(Namespace(metadata=ObjectMeta(name=name)))
    async with asyncio.timeout(ACCOUNT_SECONDS):
        while True:
            try:
                await client.get(ServiceAccount, "default", name)
                return
            except NotFound:
                await asyncio.sleep(0.05)


def connection(cluster: Cluster) -> Connection:
    pki = cluster.pki
    return Connection(cluster.grpc, pki / "ca.crt", pki / "admin.crt", pki / "admin.key")


@asynccontextmanager
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    """An admin's client on a channel of its own."""
    async with open_channel(connection(cluster)) as channel:
        client = Client(channel)
        try:
            yield client
        finally:
            await client.close()
