"""The scheduler's and the controllers' processes against a real API server, and a pretended kubelet."""

from __future__ import annotations

import asyncio
import http.client
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from api import codec, timestamps
from api.errors import InternalError, NotFound, ServerTimeout, ServiceUnavailable, Timeout
from api.types import Lease, Node, Pod
from cluster.client import Client, PatchKind
from cluster.informer import Informer
from tests.support.apiserver import Apiserver
from tests.support.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0
IDENTITIES = {"scheduler": "system:kube-scheduler", "controllers": "system:kube-controller-manager"}

T = TypeVar("T")


class Component:
    """A component's process under its own identity."""

    def __init__(self, apiserver: Apiserver, name: str, *flags: str) -> None:
        self._apiserver = apiserver
        self._name = name
        self._flags = flags
        self.status_port = free_port()
        self.log_file = apiserver.log_file.with_name(f"{name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def resident_kib(self) -> int:
        """Resident memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    def start(self) -> None:
        cert_file, key_file = self._apiserver.authority.issue(
            self._name, IDENTITIES[self._name], sans=("127.0.0.1", "localhost")
        )
        flags = [
            f"--apiserver={self._apiserver.grpc_address}",
            f"--ca-file={self._apiserver.authority.ca_file}",
            f"--cert-file={cert_file}",
            f"--key-file={key_file}",
            f"--status-address=127.0.0.1:{self.status_port}",
            *self._flags,
        ]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", self._name, *flags], stdout=log, stderr=log)
        self._wait_ready()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        return code

    def kill(self) -> None:
        """kill -9, and reap."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def page(self, path: str, identity: str | None = "admin") -> tuple[int, str]:
        """Status and body of a page of the status server."""
        context = self._apiserver.tls(identity)
        connection = http.client.HTTPSConnection("127.0.0.1", self.status_port, timeout=30, context=context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def log(self) -> str:
        return self.log_file.read_text()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                if self.page("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail(f"{self._name} did not become ready:\n{self.log()[-4000:]}")


@pytest.fixture
def scheduler(apiserver: Apiserver) -> Iterator[Component]:
    """A ready scheduler."""
    yield from _running(Component(apiserver, "scheduler"))


@pytest.fixture
def controllers(apiserver: Apiserver) -> Iterator[Component]:
    """Ready controllers."""
    yield from _running(Component(apiserver, "controllers"))


@pytest.fixture
def impatient_controllers(apiserver: Apiserver) -> Iterator[Component]:
    """Ready controllers; a node may be silent for five seconds."""
    yield from _running(Component(apiserver, "controllers", "--node-monitor-grace-period=5s"))


def _running(component: Component) -> Iterator[Component]:
    component.start()
    try:
        yield component
    finally:
        component.kill()


async def eventually(
    what: str, probe: Callable[[], Awaitable[T]], *, seconds: float = 60.0, interval: float = 0.02
) -> T:
    """Poll until `await probe()` is truthy and return that; on time-out fail with its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = await probe()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}; last seen: {value!r}")
        await asyncio.sleep(interval)


class PretendedKubelets:
    """Makes bound pods run and become ready, and ends deleted ones: what kubelets do, without containers.

    held: names of nodes that are cut off: their pods change no more and their leases are not renewed.
    """

    def __init__(self, client: Client, *, ready: bool = True) -> None:
        self._client = client
        self._ready = ready
        self._pods = Informer(client, Pod)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._addresses = iter(range(2, 60_000))
        self.held: set[str] = set()
        self._pods.add_handler(self._changed)

    async def add_node(self, name: str, **more: str) -> Node:
        """Register a node that is ready."""
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110", **more}
        tree = {
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"allocatable": allocatable, "capacity": allocatable},
        }
        node = await self._client.create(codec.from_tree(Node, tree))
        await self.report(name, "True", allocatable)
        await self._client.create(codec.from_tree(Lease, {"metadata": {"name": name, "namespace": "kube-node-lease"}}))
        self._spawn(self._renew(name))
        return node

    async def report(self, name: str, ready: str, allocatable: dict[str, str] | None = None) -> None:
        """Post the node's Ready condition, as its kubelet would."""
        now = timestamps.now_text(time.time())
        condition = {"type": "Ready", "status": ready, "reason": "KubeletReady", "lastHeartbeatTime": now}
        status: dict[str, Any] = {"conditions": [{**condition, "lastTransitionTime": now}]}
        if allocatable:
            status |= {"allocatable": allocatable, "capacity": allocatable}
        await self._client.patch(Node, name, "", {"status": status}, kind=PatchKind.STRATEGIC, subresource="status")

    async def run(self) -> None:
        await self._pods.run()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def set_ready(self, pod: Pod, ready: bool) -> None:
        """Change what the pod's readiness probe says."""
        await self._patch_status(pod, {"status": {"conditions": [_condition("Ready", ready)]}})

    def _changed(self, _old: Pod | None, new: Pod | None) -> None:
        if new is None or not new.spec.node_name or new.spec.node_name in self.held:
            return
        if new.metadata.deletion_timestamp is not None:
            self._spawn(self._end(new))
        elif new.status.phase == "Pending":
            self._spawn(self._start(new))

    async def _start(self, pod: Pod) -> None:
        number = next(self._addresses)
        ip = f"10.128.{number // 250}.{number % 250}"
        status = {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "conditions": [_condition("Ready", self._ready), _condition("ContainersReady", self._ready)],
        }
        await self._patch_status(pod, {"metadata": {"uid": pod.metadata.uid}, "status": status})

    async def _end(self, pod: Pod) -> None:
        metadata = pod.metadata
        await _insist(
            lambda: self._client.delete(
                Pod, metadata.name, metadata.namespace, grace_period_seconds=0, uid=metadata.uid
            )
        )

    async def _patch_status(self, pod: Pod, body: dict[str, Any]) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        await _insist(
            lambda: self._client.patch(Pod, name, namespace, body, kind=PatchKind.STRATEGIC, subresource="status")
        )

    async def _renew(self, name: str) -> None:
        while True:
            if name not in self.held:
                renewed = {"spec": {"renewTime": timestamps.micro_text(time.time()), "holderIdentity": name}}
                await _insist(lambda: self._client.patch(Lease, name, "kube-node-lease", renewed))  # noqa: B023
            await asyncio.sleep(0.5)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _insist(call: Callable[[], Awaitable[Any]]) -> None:
    """Make a call until the API server has carried it out: it may be restarting. What is not there is let be."""
    while True:
        try:
            await call()
            return
        except NotFound:
            return
        except (InternalError, ServerTimeout, ServiceUnavailable, Timeout):
            await asyncio.sleep(0.1)


def _condition(type_: str, value: bool) -> dict[str, str]:
    stamp = timestamps.now_text(time.time())
    return {"type": type_, "status": "True" if value else "False", "lastTransitionTime": stamp}


@asynccontextmanager
async def pretended_kubelets(client: Client, *nodes: str, **more: Any) -> AsyncIterator[PretendedKubelets]:
    """Kubelets of these nodes, for as long as the context lasts."""
    kubelets = PretendedKubelets(client, **more)
    running = asyncio.create_task(kubelets.run())
    try:
        for name in nodes:
            await kubelets.add_node(name)
        yield kubelets
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await kubelets.close()


def anew(object: T) -> T:
    """An object of `tests.support.objects` as a client would send it: without what only the server sets."""
    metadata = replace(object.metadata, uid="", resource_version="", generation=0)  # type: ignore[attr-defined]
    return replace(object, metadata=metadata)
