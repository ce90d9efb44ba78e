"""A node's network in namespaces, and a real kube-proxy process in it, fed by a fake API server."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.netns import Namespace, ip, join

NODE_NAME = "here"  # as in tests.support.services
NODE_IP = "192.168.77.1"
OUTSIDE_IP = "192.168.77.2"
POD_CIDR = "10.244.1.0/24"
CLIENT_IP = "10.244.1.2"
ENDPOINT_IPS = ("10.244.1.11", "10.244.1.12", "10.244.1.13")
PORT = 8080
SERVICE_IP = "10.96.0.50"  # as in tests.support.services
DNS_IP = "10.96.0.10"


@dataclass
class Network:
    """A node; on it a client pod and three pods that serve; outside, a machine that routes cluster IPs to the node."""

    node: Namespace
    client: Namespace
    endpoints: list[Namespace]
    outside: Namespace

    @property
    def all(self) -> list[Namespace]:
        return [self.client, *self.endpoints, self.outside, self.node]


def attach_pod(node: Namespace, pod: Namespace, address: str, name: str) -> None:
    """A pod as the kubelet wires it: a routed veth, no bridge."""
    join(node, name, pod, "eth0")
    node.ip("route", "add", f"{address}/32", "dev", name)
    pod.ip("address", "add", f"{address}/32", "dev", "eth0")
    pod.ip("route", "add", "169.254.1.1", "dev", "eth0")
    pod.ip("route", "add", "default", "via", "169.254.1.1", "src", address)
    node.ip("address", "add", "169.254.1.1/32", "dev", name, "scope", "link")


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(Namespace("node"), Namespace("client"), [Namespace(f"ep{n}") for n in range(3)], Namespace("out"))
    try:
        made.node.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        join(made.node, "eth0", made.outside, "eth0")
        made.node.ip("address", "add", f"{NODE_IP}/24", "dev", "eth0")
        made.node.ip("route", "add", "default", "via", OUTSIDE_IP)
        made.outside.ip("address", "add", f"{OUTSIDE_IP}/24", "dev", "eth0")
        made.outside.ip("route", "add", "10.96.0.0/16", "via", NODE_IP)
        attach_pod(made.node, made.client, CLIENT_IP, "veth-client")
        for number, (pod, address) in enumerate(zip(made.endpoints, ENDPOINT_IPS, strict=True)):
            attach_pod(made.node, pod, address, f"veth-ep{number}")
            pod.call("serve", name=f"ep{number}", port=PORT)
        yield made
    finally:
        for namespace in made.all:
            namespace.close()
        names = ip("netns", "list")
        assert not [namespace for namespace in made.all if namespace.name in names]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FakeApiServer]:
    server = FakeApiServer(tmp_path)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class KubeProxy:
    """The process, in the node's namespace; may be started several times."""

    def __init__(self, namespace: Namespace, api: FakeApiServer, directory: Path) -> None:
        self._namespace = namespace
        self._connection = api.connection
        self._directory = api.directory
        self._log = directory / "kubeproxy.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return self._namespace.command(sys.executable, "-m", "kubeproxy", *arguments)

    def start(self, *extra: str) -> None:
        connection = self._connection
        flags = (
            f"--node-name={NODE_NAME}",
            f"--node-ip={NODE_IP}",
            f"--pod-cidr={POD_CIDR}",
            f"--cluster-dns={DNS_IP}",
            f"--apiserver={connection.server}",
            f"--ca-file={connection.ca_file}",
            f"--cert-file={connection.cert_file}",
            f"--key-file={connection.key_file}",
            "--log-level=debug",
        )
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self.command(*flags, *extra), cwd=self._directory, stderr=log)

    async def wait_ready(self) -> None:
        await eventually("kube-proxy is ready", lambda: self.log().count("event=started") >= 1, state=self.log)

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = await asyncio.to_thread(self.process.wait, 60)
        self.process = None
        self._log.write_text("")
        return code

    def policies(self) -> str:
        return self._namespace.run("nft", "list", "ruleset")

    def rules(self) -> str:
        return self._namespace.run("nft", "list", "table", "ip", "podling")


@pytest.fixture
async def proxy(network: Network, api: FakeApiServer, tmp_path: Path) -> AsyncIterator[KubeProxy]:
    """A running kube-proxy."""
    made = KubeProxy(network.node, api, tmp_path)
    made.start()
    try:
        await made.wait_ready()
        yield made
    finally:
        if made.process is not None:
            with contextlib.suppress(ProcessLookupError):
                made.process.kill()
            made.process.wait()


# What polls, and what waits for silence, does not wait for an answer for longer. Where an answer must come it may take
# its time (`tests.support.netns_agent`): the machine may be slow.
BRIEFLY = 0.3


async def eventually(
    what: str, probe: Callable[[], Any], *, seconds: float = 60, state: Callable[[], str] = lambda: ""
) -> Any:
    """Poll until `probe()` is truthy; fail with the state when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := await asyncio.to_thread(probe)):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{state()}"
        await asyncio.sleep(0.02)
    return value
