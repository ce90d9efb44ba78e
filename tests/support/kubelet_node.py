"""A node for integration tests: a network namespace, a real kubelet in it, a real API server beside it.

Pods are bound by hand (`spec.nodeName`), so neither scheduler nor controllers are needed.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from api import codec
from api.errors import AlreadyExists, NotFound
from api.types import ConfigMap, Event, Namespace, Node, ObjectMeta, Pod, ServiceAccount
from cluster import kernel_mounts
from cluster.cgroups import Cgroups
from cluster.client import Client
from cluster.connection import Connection
from images.bootstrap import bootstrap
from images.store import Store
from tests.support.apiserver import LOOPBACK, Apiserver, Authority
from tests.support.etcd import Etcd
from tests.support.netns import Namespace as NetworkNamespace
from tests.support.netns import ip

START_SECONDS = 60.0
STOP_SECONDS = 30.0
NODE = "node-1"
POD_CIDR = "10.217.1.0/24"
STATUS_PORT = 10248
LISTEN_PORT = 10250
IMAGE_STORE = Path("/var/lib/podling/images")

T = TypeVar("T")
_numbers = itertools.count()


class _JoinedApiserver(Apiserver):
    """An API server that also listens on the host's end of the node's link."""

    def __init__(self, directory: Path, etcd: Etcd, authority: Authority, address: str) -> None:
        super().__init__(directory, etcd, authority)
        self._address = address

    def flags(self) -> list[str]:
        flags = [flag for flag in super().flags() if not flag.startswith("--grpc-address=")]
        return [*flags, f"--grpc-address={self.grpc_address},{self._address}:{self.grpc_port}"]


class NodeUnderTest:
    """Everything of one node. `start_kubelet` may be called again after `kill_kubelet` or `stop_kubelet`."""

    def __init__(self) -> None:
        network = _free_network()
        self.host_ip, self.node_ip = f"{network}.1", f"{network}.2"
        self.directory = Path(tempfile.mkdtemp(prefix="podling-kubelet-"))
        self.data_dir, self.run_dir = self.directory / "data", self.directory / "run"
        self.cgroup_root = f"/podling-test-{os.getpid()}-{next(_numbers)}"
        self.log_file = self.directory / "kubelet.log"
        self.extra_flags: list[str] = []
        self._link = f"plt{os.getpid()}"
        self._kubelet: subprocess.Popen[bytes] | None = None
        self.netns = NetworkNamespace("node")
        bootstrap(Store(IMAGE_STORE))
        self._join()
        self.etcd = Etcd(self.directory)
        authority = Authority(self.directory / "pki")
        authority.issue("apiserver", "kube-apiserver", sans=(*LOOPBACK, self.host_ip))
        self._identity = authority.issue(
            "kubelet", f"system:node:{NODE}", ("system:nodes",), (*LOOPBACK, NODE, self.node_ip)
        )
        self.apiserver = _JoinedApiserver(self.directory, self.etcd, authority, self.host_ip)

    def _join(self) -> None:
        ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.netns.name)
        ip("addr", "add", f"{self.host_ip}/30", "dev", self._link)
        ip("link", "set", self._link, "up")
        self.netns.ip("addr", "add", f"{self.node_ip}/30", "dev", "eth0")
        self.netns.ip("link", "set", "eth0", "up")

    def start(self) -> None:
        """etcd, API server, kubelet."""
        self.etcd.start()
        self.apiserver.start()
        self.start_kubelet()

    def start_kubelet(self) -> None:
        cert_file, key_file = self._identity
        flags = [
            f"--apiserver={self.host_ip}:{self.apiserver.grpc_port}",
            f"--ca-file={self.apiserver.authority.ca_file}",
            f"--cert-file={cert_file}",
            f"--key-file={key_file}",
            f"--status-address={self.node_ip}:{STATUS_PORT}",
            f"--node-name={NODE}",
            f"--node-ip={self.node_ip}",
            f"--pod-cidr={POD_CIDR}",
            f"--data-dir={self.data_dir}",
            f"--run-dir={self.run_dir}",
            f"--cgroup-root={self.cgroup_root}",
            f"--image-store={IMAGE_STORE}",
            "--cluster-dns=10.96.0.10",
            "--node-cpu=2",
            "--node-memory=2Gi",
            "--lease-renew-seconds=1",
            "--container-log-max-size=16Ki",
            "--container-log-max-files=3",
            "--container-log-monitor-seconds=0.2",
            *self.extra_flags,
        ]
        command = ["nsenter", f"--net=/run/netns/{self.netns.name}", sys.executable, "-m", "kubelet", *flags]
        with self.log_file.open("ab") as log:
            self._kubelet = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_ready()

    @property
    def pid(self) -> int:
        assert self._kubelet is not None
        return self._kubelet.pid

    def kill_kubelet(self) -> None:
        """kill -9, and reap."""
        if self._kubelet is not None:
            self._kubelet.kill()
            self._kubelet.wait()
            self._kubelet = None

    def stop_kubelet(self) -> int:
        """SIGTERM; the exit code."""
        assert self._kubelet is not None
        self._kubelet.send_signal(signal.SIGTERM)
        code = self._kubelet.wait(STOP_SECONDS)
        self._kubelet = None
        return code

    def connection(self, identity: str) -> Connection:
        """To the kubelet's own gRPC server."""
        directory = self.apiserver.authority.directory
        return Connection(
            f"{self.node_ip}:{LISTEN_PORT}",
            self.apiserver.authority.ca_file,
            directory / f"{identity}.crt",
            directory / f"{identity}.key",
        )

    def page(
        self, path: str, identity: str | None = "admin", *, port: int = STATUS_PORT, token: str = ""
    ) -> tuple[int, str]:
        """Status and body of a page of the kubelet's status server, or of its own port."""
        context = self._tls(identity)
        connection = http.client.HTTPSConnection(self.node_ip, port, timeout=30, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _tls(self, identity: str | None) -> ssl.SSLContext:
        context = self.apiserver.tls(identity)
        context.check_hostname = False
        return context

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def pod_directory(self, pod: Pod) -> Path:
        return self.data_dir / "pods" / pod.metadata.uid

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._kubelet is not None
            if self._kubelet.poll() is not None:
                break
            try:
                if self.page("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail(f"the kubelet did not become ready:\n{self.log()[-4000:]}")

    def leftovers(self) -> list[str]:
        """What pods have left behind on the machine."""
        left = [
            f"mount {path}" for path in kernel_mounts.mounts_under(self.directory) if path != self.run_dir / "volumes"
        ]
        for folder in (self.data_dir / "pods", self.data_dir / "logs", self.run_dir / "volumes"):
            left += [f"folder {entry}" for entry in folder.iterdir()] if folder.is_dir() else []
        left += [f"process {pid}" for pid in Cgroups.detect().pids(self.cgroup_root)]
        left += [f"link {line}" for line in self.netns.ip("-brief", "link").splitlines() if line.startswith("veth")]
        return left

    def wait_tidy(self, seconds: float = 60.0) -> list[str]:
        """What is still left of pods after a while: nothing, one hopes."""
        deadline = time.monotonic() + seconds
        while (left := self.leftovers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def close(self) -> None:
        """Remove everything, whatever state it is in."""
        self.kill_kubelet()
        cgroups = Cgroups.detect()
        deadline = time.monotonic() + 30
        while cgroups.pids(self.cgroup_root) and time.monotonic() < deadline:
            cgroups.kill(self.cgroup_root)
            time.sleep(0.05)
        kernel_mounts.unmount_under(self.directory)
        cgroups.remove(self.cgroup_root)
        self.netns.close()
        subprocess.run(["ip", "link", "del", self._link], capture_output=True)
        self.apiserver.kill()
        self.etcd.kill()
        shutil.rmtree(self.directory)


def _free_network() -> str:
    """The first three numbers of addresses that no link of this machine has: others may test here, or have died."""
    taken = ip("-4", "-oneline", "address")
    networks = (f"10.216.{(os.getpid() + more) % 256}" for more in range(256))
    return next(network for network in networks if f" {network}." not in taken)


async def prepare_namespace(client: Client, name: str) -> None:
    """A namespace with what controllers would put into it."""
    if name != "default":
        await client.create(Namespace(metadata=ObjectMeta(name=name)))
    for object in (
        ServiceAccount(metadata=ObjectMeta(name="default", namespace=name)),
        ConfigMap(metadata=ObjectMeta(name="kube-root-ca.crt", namespace=name), data={"ca.crt": "CERTIFICATE"}),
    ):
        try:
            await client.create(object)
        except AlreadyExists:
            continue


class Pods:
    """Makes pods on the node and looks at them."""

    def __init__(self, client: Client, node: NodeUnderTest, namespace: str) -> None:
        self.client = client
        self.node = node
        self.namespace = namespace

    async def create(
        self, name: str, *containers: dict[str, Any], meta: dict[str, Any] | None = None, **spec: Any
    ) -> Pod:
        """A pod bound to the node; containers without an image run busybox."""
        tree = {
            "metadata": {"name": name, "namespace": self.namespace, **(meta or {})},
            "spec": {
                "nodeName": NODE,
                "containers": [{"image": "busybox", **container} for container in containers],
                "terminationGracePeriodSeconds": 5,
                **spec,
            },
        }
        return await self.client.create(codec.from_tree(Pod, tree))

    async def get(self, name: str) -> Pod:
        return await self.client.get(Pod, name, self.namespace)

    async def until(self, name: str, what: str, holds: Callable[[Pod], Any], seconds: float = 60.0) -> Pod:
        """Wait for something to hold of a pod."""

        async def probe() -> Pod | None:
            pod = await self.get(name)
            return pod if holds(pod) else None

        return await self._eventually(f"{name}: {what}", probe, seconds)

    async def phase(self, name: str, phase: str, seconds: float = 60.0) -> Pod:
        return await self.until(name, phase, lambda pod: pod.status.phase == phase, seconds)

    async def ready(self, name: str, seconds: float = 60.0) -> Pod:
        return await self.until(name, "ready", lambda pod: condition(pod, "Ready") == "True", seconds)

    async def delete(self, name: str, **options: Any) -> None:
        """Delete and wait until the object is gone, and all that the node had for it.

        One whose containers have ended loses its object at once: its volumes may be taken down later.
        """
        uid = (await self.get(name)).metadata.uid
        await self.client.delete(Pod, name, self.namespace, **options)
        await self.gone(name)

        async def torn_down() -> bool:
            return not any(uid in left for left in self.node.leftovers())

        await self._eventually(f"nothing of {name} is left on the node", torn_down, 60)

    async def gone(self, name: str, seconds: float = 60.0) -> None:
        async def probe() -> bool:
            try:
                await self.get(name)
            except NotFound:
                return True
            return False

        await self._eventually(f"{name} is gone", probe, seconds)

    async def events(self, name: str, *reasons: str, seconds: float = 60.0) -> dict[str, str]:
        """Message by reason of the pod's events, once all the reasons are among them."""

        async def probe() -> dict[str, str] | None:
            selector = f"involvedObject.name={name}"
            found = await self.client.list(Event, self.namespace, field_selector=selector)
            messages = {event.reason: event.message for event in found.items}
            return messages if set(reasons) <= messages.keys() else None

        return await self._eventually(f"events {reasons} of {name}", probe, seconds)

    async def told(self, name: str, message: str, reason: str = "", seconds: float = 60.0) -> None:
        """Wait for an event about the pod (of a reason) whose message ends so, whatever else is told before."""

        async def probe() -> bool:
            selector = f"involvedObject.name={name}"
            found = await self.client.list(Event, self.namespace, field_selector=selector)
            return any(event.message.endswith(message) and reason in ("", event.reason) for event in found.items)

        await self._eventually(f"event {message!r} of {name}", probe, seconds)

    async def eventually(self, what: str, probe: Callable[[], Awaitable[T | None]], seconds: float = 60.0) -> T:
        return await self._eventually(what, probe, seconds)

    async def _eventually(self, what: str, probe: Callable[[], Awaitable[T | None]], seconds: float) -> T:
        deadline = time.monotonic() + seconds
        while True:
            value = await probe()
            if value:
                return value
            if time.monotonic() > deadline:
                state = [codec.to_tree(pod)["status"] for pod in (await self.client.list(Pod, self.namespace)).items]
                pytest.fail(f"not within {seconds} s: {what}\n{state}\n{self.node.log()[-3000:]}")
            await asyncio.sleep(0.02)

    async def remove_all(self) -> None:
        """Delete every pod of the namespace at once and wait until nothing of them is left."""
        for pod in (await self.client.list(Pod, self.namespace)).items:
            try:
                await self.client.delete(Pod, pod.metadata.name, self.namespace, grace_period_seconds=1)
            except NotFound:
                continue

        async def probe() -> bool:
            return not (await self.client.list(Pod, self.namespace)).items

        await self._eventually("all pods are gone", probe, 60.0)


def condition(object: Pod | Node, type: str) -> str:
    """A condition's status; empty when there is none."""
    return next((found.status for found in object.status.conditions if found.type == type), "")


__all__ = ["NODE", "NodeUnderTest", "Pods", "condition", "prepare_namespace"]
