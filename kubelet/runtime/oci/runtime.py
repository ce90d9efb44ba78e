"""`OciRuntime`: the `Runtime` of real nodes. Wires the parts together; each is in a module of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cluster.cgroups import CgroupFailure, Cgroups
from images.errors import ImageError, InvalidReference, NoSuchImage
from images.image import Image
from images.reference import is_digest, parse
from images.store import Store

from ..base import (
    Connection,
    ContainerEvent,
    ContainerSpec,
    ContainerStats,
    ContainerStatus,
    ExecResult,
    ImageNotPresent,
    ImageStatus,
    InvalidConfig,
    Resources,
    RuntimeFailure,
    SandboxSpec,
    SandboxState,
    SandboxStatus,
    Session,
    Version,
)
from . import attachment, conmon, forwarding
from .bundle import Environment, linux_resources
from .capabilities import available
from .conmon import Conmon
from .containers import Containers
from .execution import Executor
from .hostports import HostPorts
from .isolation import Isolation
from .machine import executable, least_oom_score_adj, runc_version
from .network import PodNetwork
from .pause import pause_spec
from .processes import spawn
from .records import SandboxRecord
from .sandboxes import Sandboxes
from .statistics import container_stats
from .user_namespaces import first_id

Result = TypeVar("Result")

# Made from this machine's own files, so no registry has them; sandboxes with a shared process namespace need the first.
_PINNED = frozenset(["docker.io/library/busybox:latest", "docker.io/library/python:latest"])


@dataclass(frozen=True)
class OciConfig:
    """Where everything is. Both folders are this kubelet's alone; everything mounted is below `run_dir`.

    `monitor_cgroup`: the cgroup each container's conmon is put into ("": the kubelet's own). `runc` and `conmon` are
    names to look up on PATH, or paths. `second_pod_cidr`, `second_node_ip`: of the other IP family, "" for none.
    """

    run_dir: Path
    data_dir: Path
    image_store: Path
    pod_cidr: str
    node_ip: str = ""
    monitor_cgroup: str = ""
    runc: str = "runc"
    conmon: str = "conmon"
    second_pod_cidr: str = ""
    second_node_ip: str = ""


@contextlib.asynccontextmanager
async def open_runtime(config: OciConfig) -> AsyncIterator[OciRuntime]:
    """The runtime, with everything an earlier process left taken up. To be opened in the node's network namespace.

    Leaving the block stops watching; sandboxes and containers run on. Raises RuntimeFailure with one clear line when
    this machine or user cannot run containers.
    """
    runtime = OciRuntime(config)
    try:
        await runtime.recover()
        yield runtime
    finally:
        await runtime.close()


class OciRuntime:
    """Runs sandboxes and containers with conmon and runc. Made by `open_runtime`."""

    def __init__(self, config: OciConfig) -> None:
        if os.geteuid() != 0:
            raise RuntimeFailure("running containers needs root: start the kubelet as root")
        self._runc = executable(config.runc, "runc")
        conmon_path = executable(config.conmon, "conmon")
        self._runc_root = config.run_dir / "runc"
        self._store = Store(config.image_store)
        try:
            self._cgroups = Cgroups.detect()
            self._network = PodNetwork(config.node_ip, config.second_node_ip)
        except (OSError, CgroupFailure) as error:
            raise RuntimeFailure(f"this machine cannot run containers: {error}") from error
        self._isolation = Isolation(config.run_dir / "sandboxes", self._network)
        ports = HostPorts(shutil.which("nft") or "")
        cidrs = (config.pod_cidr, config.second_pod_cidr)
        self._sandboxes = Sandboxes(config.data_dir / "sandboxes", self._isolation, ports, *cidrs)
        self._containers = Containers(
            config.data_dir / "containers",
            config.run_dir / "containers",
            self._runc_root,
            Conmon(conmon_path, self._runc, self._runc_root, self._joiner(config.monitor_cgroup)),
            self._cgroups,
            self._store,
        )
        self._executor = Executor(self._runc, self._runc_root)
        self._capabilities = available(Path("/proc/self/status").read_text())
        self._least_oom_score_adj = least_oom_score_adj(self._capabilities)
        self._version = runc_version(self._runc)
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def recover(self) -> None:
        """Take up what an earlier process left."""
        await self._sandboxes.recover()
        await self._containers.recover()

    async def close(self) -> None:
        """Let steps under way end, then stop watching."""
        while self._unfinished:
            await asyncio.wait(self._unfinished)
        await self._containers.close()
        self._network.close()

    async def version(self) -> Version:
        """runc's."""
        return Version(name="runc", version=self._version)

    async def run_sandbox(self, spec: SandboxSpec) -> SandboxStatus:
        """See `Runtime`."""
        return await self._whole(self._run_sandbox(spec))

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """See `Runtime`."""
        await self._whole(self._stop_sandbox(sandbox_id))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """See `Runtime`."""
        await self._whole(self._remove_sandbox(sandbox_id))

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus:
        """See `Runtime`."""
        return self._with_pause(self._sandboxes.status(self._sandboxes.record(sandbox_id)))

    async def list_sandboxes(self) -> list[SandboxStatus]:
        """See `Runtime`."""
        return [self._with_pause(status) for status in self._sandboxes.statuses()]

    async def create_container(self, spec: ContainerSpec) -> ContainerStatus:
        """See `Runtime`."""
        return await self._whole(self._create(spec))

    async def start_container(self, container_id: str) -> ContainerStatus:
        """See `Runtime`."""
        return await self._whole(self._containers.start(container_id))

    async def stop_container(self, container_id: str, grace_seconds: float, signal: str = "") -> None:
        """See `Runtime`. A caller may give up waiting and call again with less grace."""
        await self._containers.stop(container_id, grace_seconds, signal)

    async def remove_container(self, container_id: str) -> None:
        """See `Runtime`."""
        await self._whole(self._containers.remove(container_id))

    async def container_status(self, container_id: str) -> ContainerStatus:
        """See `Runtime`."""
        return self._containers.record(container_id).status

    async def list_containers(self) -> list[ContainerStatus]:
        """See `Runtime`."""
        return self._containers.statuses()

    async def update_container_resources(self, container_id: str, resources: Resources) -> None:
        """See `Runtime`."""
        record = self._containers.running(container_id)
        limits = linux_resources(resources, self._cgroups.unified, self._cgroups.accounts_swap)
        file = os.memfd_create("resources", os.MFD_CLOEXEC)
        try:
            os.write(file, msgspec.json.encode(limits))
            command = [self._runc, f"--root={self._runc_root}", "update", f"--resources=/proc/self/fd/{file}"]
            process = spawn([*command, container_id], inherit=[file])
        finally:
            os.close(file)
        if await process.wait() != 0:
            name = record.status.spec.name
            raise RuntimeFailure(f"runc could not change the limits of container {name!r}: they may be below its use")
        self._containers.resized(container_id, resources)

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = False) -> Session:
        """See `Runtime`."""
        self._containers.running(container_id)
        bundle = self._containers.bundle(container_id)
        return self._executor.start(container_id, bundle, argv, terminal=tty, stdin=stdin)

    async def exec_sync(self, container_id: str, argv: Sequence[str], timeout_seconds: float) -> ExecResult:
        """See `Runtime`."""
        self._containers.running(container_id)
        return await self._executor.run(container_id, self._containers.bundle(container_id), argv, timeout_seconds)

    async def attach(self, container_id: str, *, stdin: bool = False) -> Session:
        """See `Runtime`."""
        status = self._containers.running(container_id).status
        return attachment.attach(self._containers.bundle(container_id), status, stdin)

    async def reopen_log(self, container_id: str) -> None:
        """See `Runtime`."""
        record = self._containers.running(container_id)
        try:
            conmon.reopen_log(self._containers.bundle(container_id))
        except OSError as error:
            name = record.status.spec.name
            raise RuntimeFailure(f"cannot reopen the log of container {name!r}: {error.strerror}") from error

    async def stats(self, container_ids: Sequence[str]) -> Mapping[str, ContainerStats]:
        """See `Runtime`."""
        wanted = set(container_ids)
        found = [self._containers.record(status.id) for status in self._containers.statuses() if status.id in wanted]

        def collect() -> dict[str, ContainerStats]:
            figures = (
                container_stats(record.id, record.cgroup, self._containers.written(record.id), self._cgroups)
                for record in found
            )
            return {each.id: each for each in figures if each is not None}

        return await asyncio.to_thread(collect)

    async def port_forward(self, sandbox_id: str, port: int) -> Connection:
        """See `Runtime`."""
        record = self._sandboxes.ready_record(sandbox_id)
        pod = f"{record.spec.pod_namespace}/{record.spec.pod_name}"
        return await forwarding.connect(self._sandboxes.status(record).network_namespace, port, pod)

    async def image_status(self, reference: str) -> ImageStatus | None:
        """See `Runtime`. Raises InvalidConfig for a name that cannot name an image."""
        try:
            image = self._store.resolve(reference)
            return msgspec.structs.replace(_image_status(image), pulled=_is_pulled(image, reference))
        except NoSuchImage:
            return None
        except ImageError as error:
            raise _image_failure(error) from error

    async def list_images(self) -> list[ImageStatus]:
        """See `Runtime`."""
        try:
            return [_image_status(image) for image in self._store.list()]
        except ImageError as error:
            raise _image_failure(error) from error

    async def images_in_use(self) -> set[str]:
        """See `Runtime`."""
        made_from = {status.image_id for status in self._containers.statuses()}
        try:
            mounted = {image.id for image in await asyncio.to_thread(self._store.in_use)}
            return mounted | {image.id for image in self._store.list() if image.repository_digest in made_from}
        except ImageError as error:
            raise _image_failure(error) from error

    async def remove_image(self, image_id: str) -> None:
        """See `Runtime`."""
        try:
            await asyncio.to_thread(self._store.remove, image_id)
        except NoSuchImage:
            return
        except ImageError as error:
            raise _image_failure(error) from error

    async def events(self) -> AsyncIterator[ContainerEvent]:
        """See `Runtime`."""
        while True:
            yield await self._containers.events.get()

    async def _run_sandbox(self, spec: SandboxSpec) -> SandboxStatus:
        status = await self._sandboxes.run(spec)
        if spec.share_process_namespace:
            try:
                pause = await self._create(pause_spec(status.id), pause=True)
                await self._containers.start(pause.id)
            except RuntimeFailure:
                await self._remove_sandbox(status.id)
                raise
        return status

    def _with_pause(self, status: SandboxStatus) -> SandboxStatus:
        """A sandbox whose process namespace has ended is not ready any more."""
        if status.spec.share_process_namespace and self._containers.pause(status.id) is None:
            return msgspec.structs.replace(status, state=SandboxState.NOT_READY)
        return status

    async def _create(self, spec: ContainerSpec, pause: bool = False) -> ContainerStatus:
        sandbox = self._sandboxes.ready_record(spec.sandbox_id)
        try:
            return await self._containers.create(spec, sandbox, self._environment(sandbox, spec), pause)
        except ImageError as error:
            raise _image_failure(error) from error
        except OSError as error:
            raise RuntimeFailure(f"cannot prepare container {spec.name!r}: {error}") from error

    async def _stop_sandbox(self, sandbox_id: str) -> None:
        members = self._containers.members(sandbox_id)
        await asyncio.gather(*(self._containers.stop(each.id, 0, "") for each in members))
        await self._sandboxes.stop(sandbox_id)

    async def _remove_sandbox(self, sandbox_id: str) -> None:
        await self._stop_sandbox(sandbox_id)
        members = self._containers.members(sandbox_id)
        await asyncio.gather(*(self._containers.remove(each.id) for each in members))
        await self._sandboxes.remove(sandbox_id)

    def _environment(self, sandbox: SandboxRecord, container: ContainerSpec) -> Environment:
        """What a container of this sandbox gets from it. Raises NotFound, NotRunning for its target."""
        spec, path = sandbox.spec, self._isolation.path
        kinds = {"net": "network", "ipc": "ipc", "uts": "uts", "user": "user"}
        namespaces = {kinds[kind]: str(path(sandbox.id, kind)) for kind in sandbox.namespaces}
        if not spec.host_pid:
            pause = self._containers.pause(sandbox.id)
            if pause is None and container.target_id:
                pause = self._containers.running(container.target_id)
            namespaces["pid"] = f"/proc/{pause.status.pid}/ns/pid" if pause else ""
        return Environment(
            namespaces=namespaces,
            files={f"/etc/{name}": path(sandbox.id, name) for name in ("hosts", "hostname", "resolv.conf")},
            shm=Path("/dev/shm") if spec.host_ipc else path(sandbox.id, "shm"),
            hostname=path(sandbox.id, "hostname").read_text().strip(),
            cgroup=spec.cgroup_parent,
            unified_cgroups=self._cgroups.unified,
            limits_swap=self._cgroups.accounts_swap,
            capabilities=self._capabilities,
            least_oom_score_adj=self._least_oom_score_adj,
            first_id=first_id(sandbox.ip) if "user" in sandbox.namespaces else 0,
        )

    def _joiner(self, cgroup: str) -> Any:
        """Puts a new conmon into its cgroup, so that it does not count as, or die with, the kubelet."""
        if not cgroup:
            return None
        self._cgroups.create(cgroup)
        return lambda pid: self._cgroups.add(cgroup, pid)

    async def _whole(self, step: Coroutine[Any, Any, Result]) -> Result:
        """A step that is not left half done: when the caller is cancelled it goes on to its end."""
        task = asyncio.create_task(step)
        self._unfinished.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # told to the caller, if it still waits


def _image_status(image: Image) -> ImageStatus:
    user = image.config.user.partition(":")[0]
    return ImageStatus(
        id=image.id,
        names=[image.repository_digest, *image.names],
        size_bytes=image.size_bytes,
        uid=int(user or 0) if user.isdecimal() or not user else None,
        username="" if user.isdecimal() else user,
        pinned=bool(_PINNED.intersection(image.names)),
    )


def _is_pulled(image: Image, reference: str) -> bool:
    """Whether a registry is known to have the image under this name."""
    return not is_digest(reference) and str(parse(reference)) in image.resolved


def _image_failure(error: ImageError) -> RuntimeFailure:
    if isinstance(error, NoSuchImage):
        return ImageNotPresent(str(error))
    return InvalidConfig(str(error)) if isinstance(error, InvalidReference) else RuntimeFailure(str(error))
