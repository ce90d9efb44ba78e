"""A real container runtime on a node of its own: network namespace, cgroup, folders, all checked to be gone after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from cluster.cgroups import Cgroups
from images.store import Store
from kubelet.runtime.base import (
    ByteReader,
    ContainerSpec,
    ContainerStatus,
    Runtime,
    SandboxSpec,
    SandboxStatus,
    SecurityContext,
)
from kubelet.runtime.oci import syscalls
from kubelet.runtime.oci.runtime import OciConfig, open_runtime

NODE_IP = "10.77.0.2"
POD_CIDR = "10.77.1.0/24"
DEADLINE_SECONDS = 60.0
Result = TypeVar("Result")


@dataclass
class Node:
    """What a kubelet would know of its node. `runtime` is set while one is open."""

    config: OciConfig
    cgroups: Cgroups
    cgroup: str
    logs: Path
    runtime: Runtime | None = None

    @property
    def open(self) -> Runtime:
        assert self.runtime is not None
        return self.runtime

    @contextlib.asynccontextmanager
    async def using(self, config: OciConfig | None = None) -> AsyncIterator[Runtime]:
        """Another runtime in place of the open one, by default on the same folders; its sandboxes are removed after."""
        first = self.runtime
        async with open_runtime(config or self.config) as runtime:
            self.runtime = runtime
            try:
                yield runtime
            finally:
                self.runtime = first
                for sandbox in await runtime.list_sandboxes():
                    await runtime.remove_sandbox(sandbox.id)

    def elsewhere(self, **changes: object) -> OciConfig:
        """A config with other folders."""
        return replace(self.config, run_dir=self.logs / "run", data_dir=self.logs / "data", **changes)

    async def sandbox(self, name: str = "pod", **fields: object) -> SandboxStatus:
        """Run a sandbox in a pod cgroup of its own."""
        cgroup = f"{self.cgroup}/kubepods/pod-{name}"
        self.cgroups.create(cgroup)
        spec = SandboxSpec(pod_uid=f"uid-{name}", pod_name=name, pod_namespace="default", cgroup_parent=cgroup)
        return await self.open.run_sandbox(msgspec.structs.replace(spec, **fields))

    def spec(self, sandbox: SandboxStatus, *command: str, **fields: object) -> ContainerSpec:
        """A container of busybox; one word of command is a shell's program."""
        argv = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
        spec = ContainerSpec(
            sandbox_id=sandbox.id,
            name="main",
            image="busybox",
            command=argv,
            log_path=str(self.logs / sandbox.spec.pod_name / "0.log"),
            security=SecurityContext(seccomp="Unconfined"),
        )
        return msgspec.structs.replace(spec, **fields)

    async def run(self, sandbox: SandboxStatus, *command: str, **fields: object) -> ContainerStatus:
        """Create and start a container."""
        created = await self.open.create_container(self.spec(sandbox, *command, **fields))
        return await self.open.start_container(created.id)

    async def finished(self, sandbox: SandboxStatus, *command: str, **fields: object) -> ContainerStatus:
        """Run a container to its end."""
        container = await self.run(sandbox, *command, **fields)
        return await self.ended(container.id)

    async def obeying(self, sandbox: SandboxStatus, handler: str, signal: str = "TERM") -> ContainerStatus:
        """Run a container that does as told at a signal, and wait until it listens for it."""
        container = await self.run(sandbox, f"trap '{handler}' {signal}; echo up; while :; do sleep 0.02; done")

        async def up() -> bool:
            return "up" in self.log(sandbox)

        await eventually(up, "it listens")
        return container

    async def ended(self, container_id: str) -> ContainerStatus:
        """The status once it has ended."""

        async def status() -> ContainerStatus | None:
            status = await self.open.container_status(container_id)
            return status if status.state.value == "CONTAINER_EXITED" else None

        return await eventually(status, f"container {container_id} ends")

    def log(self, sandbox: SandboxStatus) -> list[str]:
        """The messages of its container's log, without their heads."""
        lines = (self.logs / sandbox.spec.pod_name / "0.log").read_text().splitlines()
        return [line.split(" ", 3)[3] for line in lines]

    def leftovers(self) -> list[str]:
        """What of sandboxes and containers is still there."""
        found = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        found = [mount for mount in found if mount.startswith((str(self.config.run_dir), str(self.config.data_dir)))]
        found += [line.split()[1] for line in ip("-o", "link").splitlines() if "veth" in line]
        for folder in (self.config.run_dir, self.config.data_dir):
            found += [str(path) for path in folder.glob("*/*")]
        found += processes_naming(str(self.config.run_dir))
        return found


async def left_in_the_end(node: Node) -> list[str]:
    """What of sandboxes and containers is still there when what was killed has had the time to end."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        left = node.leftovers()
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.02)


async def eventually(probe: Callable[[], Awaitable[Result | None]], what: str) -> Result:
    """The first answer that is not None or False; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        answer = await probe()
        if answer:
            return answer
        await asyncio.sleep(0.005)
    pytest.fail(f"not within {DEADLINE_SECONDS:.0f} s: {what}")


def processes_naming(text: str) -> list[str]:
    """Command lines of processes that name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


async def read_all(reader: ByteReader | None) -> bytes:
    """Everything to the end."""
    parts = []
    while reader is not None and (data := await reader.read(65536)):
        parts.append(data)
    return b"".join(parts)


@pytest.fixture
def node_network() -> Iterator[None]:
    """The calling thread, and the threads it starts, are in a network namespace with the node's address."""
    original = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    syscalls.unshare(syscalls.CLONE_NEWNET)
    ip("link", "set", "lo", "up")
    ip("link", "add", "name", "br0", "type", "bridge")
    ip("addr", "add", f"{NODE_IP}/24", "dev", "br0")
    ip("link", "set", "br0", "up")
    yield
    syscalls.set_namespace(original, syscalls.CLONE_NEWNET)
    os.close(original)


@pytest.fixture
async def node(node_network: None, machine_images: Store, tmp_path: Path) -> AsyncIterator[Node]:
    """A node with an open runtime. Afterwards everything is removed and nothing may be left."""
    config = OciConfig(
        run_dir=tmp_path / "run",
        data_dir=tmp_path / "data",
        image_store=machine_images.root,
        pod_cidr=POD_CIDR,
        node_ip=NODE_IP,
    )
    cgroup = f"/podling-test-{os.getpid()}-{time.monotonic_ns()}"
    node = Node(config, Cgroups.detect(), cgroup, tmp_path / "logs")
    node.cgroups.create(cgroup)
    try:
        async with open_runtime(config) as runtime:
            node.runtime = runtime
            yield node
            for sandbox in await runtime.list_sandboxes():
                await runtime.remove_sandbox(sandbox.id)
        leftovers = await left_in_the_end(node)
        for mount in {*node.cgroups.v1.values()}:
            leftovers += [str(each) for each in (mount / cgroup[1:]).glob("kubepods/pod-*/*") if each.is_dir()]
        assert leftovers == []
    finally:
        node.cgroups.kill(cgroup)
        node.cgroups.remove(cgroup)
    assert not node.cgroups.exists(cgroup)
