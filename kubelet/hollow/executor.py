"""A hollow pod's actions: the runtime's part of them, and nothing on disk, in cgroups or from the API server.

Its neighbour for real containers is `kubelet.pods.executor`; what is decided is the same for both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from api.types import Pod
from cluster.events import EventRecorder
from kubelet.containers.problem import Problem
from kubelet.paths import Paths
from kubelet.pods.actions import (
    Action,
    CreateSandbox,
    MountVolumes,
    Release,
    Remove,
    RemoveContainer,
    ResizeContainers,
    RunPreStop,
    StartContainer,
    StopContainer,
)
from kubelet.pods.record import PodRecord
from kubelet.pods.start import backoff_key
from kubelet.pods.view import AnyContainer, Run, find_container
from kubelet.removal import remove_tree
from kubelet.runtime.base import ContainerSpec, InvalidConfig, NotFound, Runtime, SandboxSpec, StartFailure
from kubelet.runtime.hollow.behaviour import allocated, annotations_of

RETRY_SECONDS = 10.0


class NoVolumes:
    """Nobody reads them."""

    def pod_changed(self, pod: Pod) -> None:
        """Nothing shows it."""

    def stop_following(self) -> None:
        """Nothing is followed."""

    async def close(self) -> None:
        """Nothing is open."""


NO_VOLUMES = NoVolumes()


class HollowExecutor:
    """Carries out the actions of one pod on its record; `changed` is called when the record changed in between."""

    volumes = NO_VOLUMES

    def __init__(
        self,
        record: PodRecord,
        runtime: Runtime,
        recorder: EventRecorder,
        paths: Paths,
        changed: Callable[[], None],
    ) -> None:
        self._record = record
        self._runtime = runtime
        self._recorder = recorder
        self._paths = paths
        self._changed = changed

    async def carry_out(self, action: Action) -> None:
        """Do one thing. Raises Problem (a start) or RuntimeFailure."""
        match action:
            case MountVolumes():
                self._record.volumes_ready = True
            case CreateSandbox():
                await self._create_sandbox(action.attempt)
            case StartContainer():
                await self._start(action)
            case StopContainer():
                await self._stop(action)
            case RunPreStop():
                # There is no process to run one.
                self._record.pre_stopped.add(action.id)
            case ResizeContainers():
                await self._resize(action.names)
            case RemoveContainer():
                await self._runtime.remove_container(action.id)
                self._record.forget_run(action.id)
            case Release():
                await self._release()
            case Remove():
                await self._remove()

    def announce(self, type: str, reason: str, message: str, container: AnyContainer | None = None) -> None:
        """Record an event about the pod or one of its containers."""
        path = "" if container is None else f"spec.containers{{{container.name}}}"
        self._recorder.record(self._record.pod, type, reason, message, field_path=path)

    def observe(self, run: Run) -> None:
        """Take over the runtime's word on a container."""
        self._record.observe(run)
        self._changed()

    async def _create_sandbox(self, attempt: int) -> None:
        record = self._record
        for sandbox in record.sandboxes:
            await self._runtime.stop_sandbox(sandbox.id)
        metadata = record.pod.metadata
        spec = SandboxSpec(
            pod_uid=metadata.uid,
            pod_name=metadata.name,
            pod_namespace=metadata.namespace,
            attempt=attempt,
            host_network=record.pod.spec.host_network,
        )
        record.observe_sandbox(await self._runtime.run_sandbox(spec))

    async def _start(self, action: StartContainer) -> None:
        record, runtime = self._record, self._runtime
        container = find_container(record.pod, action.name)
        sandbox = record.sandbox
        if container is None or sandbox is None or sandbox.id != action.sandbox_id:
            return  # decided on an older state of things
        if action.failed_at is not None:
            record.backoff.next(backoff_key(record.pod, action.name), action.failed_at, time.time())
        spec = ContainerSpec(
            sandbox_id=sandbox.id,
            name=container.name,
            image=container.image,
            attempt=action.attempt,
            resources=allocated(record.pod, container),
            annotations=annotations_of(record.pod, container.name),
        )
        try:
            created = await runtime.create_container(spec)
        except InvalidConfig as error:
            self.announce("Warning", "Failed", f"Error: {error}", container)
            raise Problem("CreateContainerConfigError", str(error), RETRY_SECONDS) from error
        record.observe(created)
        try:
            record.observe(await runtime.start_container(created.id))
        except StartFailure as error:
            self.announce("Warning", "Failed", f"Error: {error}", container)
            record.observe(await runtime.container_status(created.id))
        else:
            self.announce("Normal", "Started", f"Started container {container.name}", container)
        record.problems.pop(action.name, None)

    async def _stop(self, action: StopContainer) -> None:
        self.announce("Normal", "Killing", f"Stopping container {action.name}")
        await self._runtime.stop_container(action.id, action.deadline - time.time())
        try:
            self.observe(await self._runtime.container_status(action.id))
        except NotFound:
            self._record.forget_run(action.id)

    async def _resize(self, names: tuple[str, ...]) -> None:
        record, runtime = self._record, self._runtime
        for name in names:
            container, run = find_container(record.pod, name), record.runs[name][-1]
            if container is not None:
                await runtime.update_container_resources(run.id, allocated(record.pod, container))
                self.observe(await runtime.container_status(run.id))
        record.resize_error = ""

    async def _release(self) -> None:
        for sandbox in self._record.sandboxes:
            await self._runtime.stop_sandbox(sandbox.id)
        self._record.released = True

    async def _remove(self) -> None:
        record = self._record
        for sandbox in record.sandboxes:
            await self._runtime.remove_sandbox(sandbox.id)
        record.sandboxes.clear()
        # Only a pod that was resized has left something.
        if (folder := self._paths.pod(record.uid)).exists():
            await asyncio.to_thread(remove_tree, folder)
        record.removed = True
