"""Sandboxes and containers of one hollow node: records in memory, ends by timers.

The second `kubelet.runtime.base.Runtime`. Nothing outlives the process, so what a restarted one needs to know of its
pods comes from their statuses (`kubelet.runtime.hollow.restore`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from ipaddress import IPv4Network

from msgspec.structs import replace

from kubelet.runtime.base import (
    Connection,
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ContainerStats,
    ContainerStatus,
    ExecResult,
    ImageStatus,
    InvalidConfig,
    NotFound,
    NotRunning,
    Resources,
    RuntimeFailure,
    SandboxSpec,
    SandboxState,
    SandboxStatus,
    Session,
    StartFailure,
    Version,
)
from kubelet.runtime.hollow.behaviour import Behaviour, behaviour_of
from kubelet.version import KUBELET_VERSION

NAME = "hollow"
VERSION = KUBELET_VERSION.removeprefix("v")
NANOSECONDS = 1_000_000_000
START_ERROR_CODE = 128
KILLED_CODE = 137
_DEFAULT = Behaviour()
NO_PROCESS = "a hollow container has no process"


class HollowRuntime:
    """`addresses`: those of the node's pods; the first is the node's own end."""

    def __init__(self, addresses: IPv4Network) -> None:
        self._addresses = addresses
        self._sandboxes: dict[str, SandboxStatus] = {}
        self._containers: dict[str, ContainerStatus] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ended: asyncio.Queue[ContainerEvent] = asyncio.Queue()

    def restore(self, sandboxes: Iterable[SandboxStatus], containers: Iterable[ContainerStatus]) -> None:
        """Take over what an earlier process ran; containers that should have ended meanwhile end soon."""
        for sandbox in sandboxes:
            self._sandboxes[sandbox.id] = sandbox
        for container in containers:
            self._containers[container.id] = container
            try:
                self._behaviours[container.id] = behaviour_of(container.spec.annotations, container.spec.name)
            except InvalidConfig:
                # Its annotations were other ones when it was made; these are read at the next.
                self._behaviours[container.id] = _DEFAULT
            if container.state is ContainerState.RUNNING:
                self._schedule_end(container)

    async def version(self) -> Version:
        return Version(name=NAME, version=VERSION)

    async def run_sandbox(self, spec: SandboxSpec) -> SandboxStatus:
        id = secrets.token_hex(16)
        ip = "" if spec.host_network else self._free_address()
        sandbox = SandboxStatus(id=id, spec=spec, state=SandboxState.READY, created_at=time.time_ns(), ip=ip)
        self._sandboxes[id] = sandbox
        return sandbox

    async def stop_sandbox(self, sandbox_id: str) -> None:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            return
        for container in [each for each in self._containers.values() if each.sandbox_id == sandbox_id]:
            self._end(container.id, KILLED_CODE)
        self._sandboxes[sandbox_id] = replace(sandbox, state=SandboxState.NOT_READY, ip="")

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self.stop_sandbox(sandbox_id)
        for id in [each.id for each in self._containers.values() if each.sandbox_id == sandbox_id]:
            self._forget(id)
        self._sandboxes.pop(sandbox_id, None)

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus:
        try:
            return self._sandboxes[sandbox_id]
        except KeyError:
            raise NotFound(f"there is no sandbox {sandbox_id}") from None

    async def list_sandboxes(self) -> list[SandboxStatus]:
        return list(self._sandboxes.values())

    async def create_container(self, spec: ContainerSpec) -> ContainerStatus:
        sandbox = await self.sandbox_status(spec.sandbox_id)
        behaviour = behaviour_of(spec.annotations, spec.name)
        id = secrets.token_hex(16)
        container = ContainerStatus(
            id=id,
            sandbox_id=spec.sandbox_id,
            pod_uid=sandbox.spec.pod_uid,
            spec=spec,
            state=ContainerState.CREATED,
            image_id=image_id(spec.image),
            created_at=time.time_ns(),
        )
        self._containers[id] = container
        self._behaviours[id] = behaviour
        return container

    async def start_container(self, container_id: str) -> ContainerStatus:
        await self.container_status(container_id)
        behaviour = self._behaviours[container_id]
        if behaviour.start_seconds:
            await asyncio.sleep(behaviour.start_seconds)
        container = await self.container_status(container_id)
        if behaviour.start_error:
            self._containers[container_id] = replace(
                container,
                state=ContainerState.EXITED,
                finished_at=time.time_ns(),
                exit_code=START_ERROR_CODE,
                reason="StartError",
                message=behaviour.start_error,
            )
            raise StartFailure(behaviour.start_error)
        if container.state is not ContainerState.CREATED:
            return container  # its sandbox was stopped meanwhile
        container = replace(container, state=ContainerState.RUNNING, started_at=time.time_ns())
        self._containers[container_id] = container
        self._schedule_end(container)
        return container

    async def stop_container(self, container_id: str, grace_seconds: float, signal: str = "") -> None:
        container = self._containers.get(container_id)
        if container is None or container.state is ContainerState.EXITED:
            return
        patience = self._behaviours[container_id].stop_seconds
        if patience:
            await asyncio.sleep(min(patience, max(grace_seconds, 0.0)))
        self._end(container_id, KILLED_CODE if patience > grace_seconds else 0)

    async def remove_container(self, container_id: str) -> None:
        self._end(container_id, KILLED_CODE)
        self._forget(container_id)

    async def container_status(self, container_id: str) -> ContainerStatus:
        try:
            return self._containers[container_id]
        except KeyError:
            raise NotFound(f"there is no container {container_id}") from None

    async def list_containers(self) -> list[ContainerStatus]:
        return list(self._containers.values())

    async def update_container_resources(self, container_id: str, resources: Resources) -> None:
        container = await self.container_status(container_id)
        self._containers[container_id] = replace(container, spec=replace(container.spec, resources=resources))

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = False) -> Session:
        raise NotRunning(NO_PROCESS)

    async def exec_sync(self, container_id: str, argv: Sequence[str], timeout_seconds: float) -> ExecResult:
        raise NotRunning(NO_PROCESS)

    async def attach(self, container_id: str, *, stdin: bool = False) -> Session:
        raise NotRunning(NO_PROCESS)

    async def reopen_log(self, container_id: str) -> None:
        """There is no log."""

    async def stats(self, container_ids: Sequence[str]) -> Mapping[str, ContainerStats]:
        """Nothing is used."""
        return {}

    async def port_forward(self, sandbox_id: str, port: int) -> Connection:
        raise RuntimeFailure(NO_PROCESS)

    async def image_status(self, reference: str) -> ImageStatus | None:
        """Every image is there."""
        return ImageStatus(id=image_id(reference), names=[reference], size_bytes=0, uid=0)

    async def list_images(self) -> list[ImageStatus]:
        return []

    async def images_in_use(self) -> set[str]:
        return {container.image_id for container in self._containers.values()}

    async def remove_image(self, image_id: str) -> None:
        """There is none to remove."""

    async def events(self) -> AsyncIterator[ContainerEvent]:
        while True:
            yield await self._ended.get()

    def behaviour(self, container_id: str) -> Behaviour:
        """How a container behaves, as it was told when it was made."""
        return self._behaviours.get(container_id, _DEFAULT)

    def _free_address(self) -> str:
        taken = {sandbox.ip for sandbox in self._sandboxes.values()}
        for offset in range(2, self._addresses.num_addresses - 1):
            address = str(self._addresses[offset])
            if address not in taken:
                return address
        raise RuntimeFailure(f"no address is left in {self._addresses}")

    def _schedule_end(self, container: ContainerStatus) -> None:
        behaviour = self._behaviours[container.id]
        if behaviour.run_seconds is None:
            return
        left = container.started_at / NANOSECONDS + behaviour.run_seconds - time.time()
        code = behaviour.code_of(container.spec.attempt)
        timer = asyncio.get_running_loop().call_later(max(left, 0.0), self._end, container.id, code)
        self._timers[container.id] = timer

    def _end(self, container_id: str, code: int) -> None:
        container = self._containers.get(container_id)
        if container is None or container.state is ContainerState.EXITED:
            return
        self._cancel(container_id)
        self._containers[container_id] = replace(
            container,
            state=ContainerState.EXITED,
            finished_at=time.time_ns(),
            exit_code=code,
            reason="Error" if code else "Completed",
        )
        event = ContainerEvent(container_id=container_id, sandbox_id=container.sandbox_id, pod_uid=container.pod_uid)
        self._ended.put_nowait(event)

    def _forget(self, container_id: str) -> None:
        self._cancel(container_id)
        self._containers.pop(container_id, None)
        self._behaviours.pop(container_id, None)

    def _cancel(self, container_id: str) -> None:
        timer = self._timers.pop(container_id, None)
        if timer is not None:
            timer.cancel()


def image_id(reference: str) -> str:
    """What stands for an image's digest where there are no images."""
    return f"{NAME}:{reference}"
