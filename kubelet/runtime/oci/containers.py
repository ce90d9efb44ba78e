"""The life of containers: prepared, started, watched, ended, removed.

    create            start                        conmon ends
    -------> CREATED -------> (starting) -> RUNNING ----------> EXITED --> removed
                                  |                                ^
                                  +--- could not: 128 StartError --+

Each step is on disk before the next is taken, so that a new kubelet process goes on wherever the last one stopped.
A container that was being started then is left running if its command has begun, else it was never started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from cluster.cgroups import CgroupFailure, Cgroups
from cluster.logs import get_logger
from images.image import Image
from images.store import Store

from ..base import (
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    NotFound,
    NotRunning,
    Resources,
    RuntimeFailure,
    StartFailure,
    User,
)
from . import conmon
from .bundle import Environment, build_config
from .conmon import Conmon, Monitored
from .ending import Ending, ending
from .exits import ExitWatch
from .image_volumes import with_image_volumes
from .records import ContainerRecord, RecordFiles, SandboxRecord, make_private
from .rootfs import mount_rootfs, remove_written, unmount_bundle
from .signals import signal_number
from .user_namespaces import open_way, shown
from .users import Identity, identity

_KILL_TIMEOUT = 30.0
_FIRST_PAUSE, _LAST_PAUSE = 0.002, 0.2
_START_ERROR_CODE = 128
_DEFAULT_STOP_SIGNAL = "SIGTERM"

log = get_logger()


class Containers:
    """All containers of one kubelet. `directory` holds records and what they wrote; `run_directory` their bundles."""

    def __init__(
        self, directory: Path, run_directory: Path, runc_root: Path, monitor: Conmon, cgroups: Cgroups, store: Store
    ) -> None:
        self._files = RecordFiles(directory, ContainerRecord)
        self._run_directory = run_directory
        self._runc_root = runc_root
        self._monitor = monitor
        self._cgroups = cgroups
        self._store = store
        self._records: dict[str, ContainerRecord] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._starting: dict[str, asyncio.Lock] = {}
        self._watch = ExitWatch(self._monitor_ended)
        self._tasks: set[asyncio.Task[None]] = set()
        self.events: asyncio.Queue[ContainerEvent] = asyncio.Queue()

    def bundle(self, container_id: str) -> Path:
        """The folder runc and conmon work in."""
        return self._run_directory / container_id

    def written(self, container_id: str) -> Path:
        """The folder of what the container wrote into its root file system."""
        return self._files.directory(container_id) / "upper"

    def statuses(self) -> list[ContainerStatus]:
        """All containers, oldest first, but for those that hold process namespaces."""
        statuses = (record.status for record in self._records.values() if not record.pause)
        return sorted(statuses, key=lambda status: status.created_at)

    def members(self, sandbox_id: str) -> list[ContainerRecord]:
        """All containers of a sandbox, that one included."""
        return [record for record in self._records.values() if record.status.sandbox_id == sandbox_id]

    def pause(self, sandbox_id: str) -> ContainerRecord | None:
        """The running container that holds a sandbox's process namespace."""
        found = (each for each in self.members(sandbox_id) if each.pause and each.status.pid)
        return next(found, None)

    def record(self, container_id: str) -> ContainerRecord:
        """Raises NotFound."""
        try:
            return self._records[container_id]
        except KeyError:
            raise NotFound(f"container {container_id} does not exist") from None

    def running(self, container_id: str) -> ContainerRecord:
        """Raises NotFound, NotRunning."""
        record = self.record(container_id)
        if record.status.state is not ContainerState.RUNNING:
            state = record.status.state.value
            raise NotRunning(f"container {record.status.spec.name!r} is not running: its state is {state}")
        return record

    async def recover(self) -> None:
        """Take up what an earlier process left. To be called once, first."""
        records, broken = self._files.load()
        for record in records:
            self._add(record)
        known = set(self._records)
        make_private(self._run_directory)
        leftovers = {each.name for each in self._run_directory.iterdir()} - known
        for identifier in {*broken, *leftovers}:
            await asyncio.to_thread(self._discard_files, identifier)
        for record in records:
            await self._take_up(record)

    async def close(self) -> None:
        """Stop watching; containers run on."""
        self._watch.close()
        for task in list(self._tasks):
            await task

    async def create(
        self, spec: ContainerSpec, sandbox: SandboxRecord, environment: Environment, pause: bool = False
    ) -> ContainerStatus:
        """Prepare a container in a sandbox. `environment.cgroup` is the pod's; the container gets one below it."""
        container_id = secrets.token_hex(32)
        cgroup = f"{environment.cgroup.rstrip('/')}/{container_id}"
        try:
            image, who = await asyncio.to_thread(self._prepare, container_id, spec, _with_cgroup(environment, cgroup))
            record = ContainerRecord(
                status=ContainerStatus(
                    id=container_id,
                    sandbox_id=sandbox.id,
                    pod_uid=sandbox.spec.pod_uid,
                    spec=spec,
                    state=ContainerState.CREATED,
                    image_id=image.repository_digest,
                    created_at=time.time_ns(),
                    user=User(uid=who.uid, gid=who.gid, groups=who.all_groups),
                ),
                cgroup=cgroup,
                stop_signal=spec.stop_signal or image.config.stop_signal or _DEFAULT_STOP_SIGNAL,
                pause=pause,
            )
            self._files.save(record)
        except BaseException:
            await asyncio.to_thread(self._discard_files, container_id)
            raise
        self._add(record)
        return record.status

    async def start(self, container_id: str) -> ContainerStatus:
        """Start a created container. Raises StartFailure, after which it is EXITED."""
        self.record(container_id)
        async with self._starting[container_id]:
            return await self._start(self.record(container_id))

    async def _start(self, record: ContainerRecord) -> ContainerStatus:
        if record.status.state is not ContainerState.CREATED or record.starting:
            raise StartFailure(f"container {record.status.spec.name!r} was started before")
        self._save(msgspec.structs.replace(record, starting=True))
        spec, directory = record.status.spec, self._files.directory(record.id)
        told = Monitored(
            id=record.id,
            name=spec.name,
            bundle=self.bundle(record.id),
            exit_directory=directory,
            log_path=spec.log_path,
            terminal=spec.tty,
            stdin=spec.stdin,
            stdin_once=spec.stdin_once,
        )
        try:
            started = await self._monitor.start(told)
        except RuntimeFailure as error:
            await self._fail_start(record, str(error))
            raise
        await self._note_running(record, started)
        return self.record(record.id).status

    async def stop(self, container_id: str, grace_seconds: float, stop_signal: str) -> None:
        """End a running container: its stop signal, then after the grace a kill of all its processes."""
        if container_id not in self._records:
            return
        async with self._starting[container_id]:
            record = self._records.get(container_id)
        if record is None or record.status.state is not ContainerState.RUNNING:
            return
        ended = self._ended[container_id]
        if grace_seconds > 0:
            await conmon.becomes_command(record.status.pid, record.status.started_at)
            self._signal(record, signal_number(stop_signal or record.stop_signal))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await ended.wait()
        if not ended.is_set():
            await self._kill(record)

    def resized(self, container_id: str, resources: Resources) -> None:
        """Remember the limits a container has been given while it ran."""
        record = self.record(container_id)
        spec = msgspec.structs.replace(record.status.spec, resources=resources)
        self._save(msgspec.structs.replace(record, status=msgspec.structs.replace(record.status, spec=spec)))

    async def remove(self, container_id: str) -> None:
        """Kill it if need be and delete all of it; its log stays."""
        await self.stop(container_id, 0, "")
        if container_id in self._records:
            await self._discard(self._records[container_id])
            for table in (self._records, self._ended, self._starting):
                table.pop(container_id, None)

    def _prepare(self, container_id: str, spec: ContainerSpec, environment: Environment) -> tuple[Image, Identity]:
        """Mount the root file system and write what runc is told."""
        bundle = self.bundle(container_id)
        rootfs, users = bundle / "rootfs", environment.namespaces.get("user", "")
        with self._store.held(spec.image) as image:
            layers: Sequence[Path] = image.layers
            if users:
                spec, layers = shown(spec, layers, bundle, Path(users))
            mount_rootfs(rootfs, self._files.directory(container_id), layers)
        if users:
            open_way(bundle, environment.first_id)
        owner = environment.first_id if users else 0
        spec = with_image_volumes(spec, image.config.volumes or (), rootfs, owner)
        who = identity(rootfs, image.config.user, spec.security)
        config = build_config(spec, image.config, who, rootfs, environment)
        (self.bundle(container_id) / "config.json").write_bytes(msgspec.json.encode(config))
        if spec.log_path:
            Path(spec.log_path).parent.mkdir(parents=True, exist_ok=True)
        return image, who

    def _add(self, record: ContainerRecord) -> None:
        self._records[record.id] = record
        self._ended[record.id] = asyncio.Event()
        self._starting[record.id] = asyncio.Lock()

    def _save(self, record: ContainerRecord) -> None:
        self._files.save(record)
        self._records[record.id] = record

    async def _take_up(self, record: ContainerRecord) -> None:
        """Go on with a container of an earlier process."""
        if record.starting and record.status.state is ContainerState.CREATED:
            await self._take_up_start(record)
        elif record.status.state is ContainerState.EXITED:
            self._ended[record.id].set()
            await self._cleanup(record)
        elif record.status.state is ContainerState.RUNNING and not self._watch.watch(record.id, record.monitor):
            await self._finish(record.id, announce=False)

    async def _take_up_start(self, record: ContainerRecord) -> None:
        """A start whose end nobody saw is no failure of the container's: its command runs, or did not begin."""
        started = conmon.begun(self.bundle(record.id), self._runc_root / record.id)
        if started is not None:
            await self._note_running(record, started, announce=False)
        elif record.pause:
            await self._fail_start(record, "the kubelet stopped while it was starting the container")
        else:
            await asyncio.to_thread(conmon.kill_processes_of, record.id)
            await self._cleanup(record)

    async def _note_running(self, record: ContainerRecord, started: conmon.Started, *, announce: bool = True) -> None:
        status = msgspec.structs.replace(
            record.status, state=ContainerState.RUNNING, pid=started.container, started_at=time.time_ns()
        )
        self._save(msgspec.structs.replace(record, status=status, monitor=started.monitor))
        if not self._watch.watch(record.id, started.monitor):
            await self._finish(record.id, announce=announce)

    def _monitor_ended(self, container_id: str) -> None:
        task = asyncio.create_task(self._finish(container_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, container_id: str, announce: bool = True) -> None:
        """A running container's conmon has gone: record how it ended, tell, clean up."""
        record = self._records[container_id]
        told = conmon.exit_code(self._files.directory(container_id), container_id)
        was_alive = told is None and self._is_alive(record)
        end = ending(told, was_alive, self._oom_kills(record), time.time_ns())
        status = record.status
        self._end(record, end)
        if announce and not record.pause:
            self.events.put_nowait(
                ContainerEvent(container_id=status.id, sandbox_id=status.sandbox_id, pod_uid=status.pod_uid)
            )
        await self._cleanup(record)

    def _end(self, record: ContainerRecord, end: Ending) -> None:
        status = msgspec.structs.replace(record.status, state=ContainerState.EXITED, pid=0, **end.fields())
        self._save(msgspec.structs.replace(record, status=status, starting=False))
        self._ended[record.id].set()

    async def _fail_start(self, record: ContainerRecord, why: str) -> None:
        end = Ending(
            exit_code=_START_ERROR_CODE, finished_at=time.time_ns(), reason="StartError", message=why, oom_kills=0
        )
        await asyncio.to_thread(conmon.kill_processes_of, record.id)
        self._end(record, end)
        await self._cleanup(record)

    async def _cleanup(self, record: ContainerRecord) -> None:
        """Give back what an ended container holds of the kernel; its files stay until it is removed."""
        try:
            await self._remove_cgroup(record)
            await asyncio.to_thread(unmount_bundle, self.bundle(record.id))
            await asyncio.to_thread(shutil.rmtree, self._runc_root / record.id, True)
        except (OSError, CgroupFailure, RuntimeFailure) as error:
            # The container has ended all the same; its removal tries again and then raises.
            log.warning("Could not clean up an ended container", container=record.id, error=str(error))

    async def _discard(self, record: ContainerRecord) -> None:
        try:
            await self._remove_cgroup(record)
            await asyncio.to_thread(self._discard_files, record.id)
        except (OSError, CgroupFailure) as error:
            raise RuntimeFailure(f"cannot remove container {record.status.spec.name!r}: {error}") from error

    def _discard_files(self, container_id: str) -> None:
        bundle = self.bundle(container_id)
        unmount_bundle(bundle)
        own = self._files.directory(container_id)
        remove_written(own)
        for directory in (self._runc_root / container_id, bundle, own):
            shutil.rmtree(directory, ignore_errors=True)

    async def _kill(self, record: ContainerRecord) -> None:
        """Kill every process of it, whatever it forks meanwhile, and wait for its end."""
        ended = self._ended[record.id]
        for pause in _pauses(record):
            self._signal(record, signal.SIGKILL)
            self._cgroups.kill(record.cgroup)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ended.wait()
            if ended.is_set():
                return

    async def _remove_cgroup(self, record: ContainerRecord) -> None:
        """Killed processes need a moment to end, and v1 cgroups cannot tell when they have."""
        if self._cgroups.remove(record.cgroup):
            return
        for pause in _pauses(record):
            self._cgroups.kill(record.cgroup)
            await asyncio.sleep(pause)
            if self._cgroups.remove(record.cgroup):
                return

    def _signal(self, record: ContainerRecord, number: int) -> None:
        if self._is_alive(record):
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.status.pid, number)

    def _is_alive(self, record: ContainerRecord) -> bool:
        """Whether the container's first process lives, and is not another of the same number."""
        try:
            return record.id in Path(f"/proc/{record.status.pid}/cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _oom_kills(self, record: ContainerRecord) -> int:
        try:
            return self._cgroups.oom_kills(record.cgroup)
        except CgroupFailure as error:
            log.warning("Could not read a container's OOM kills", container=record.id, error=str(error))
            return 0


def _with_cgroup(environment: Environment, cgroup: str) -> Environment:
    return Environment(**{**vars(environment), "cgroup": cgroup})


def _pauses(record: ContainerRecord) -> Iterator[float]:
    """Longer and longer waits in seconds; raises RuntimeFailure once they add up to too much."""
    pause, total = _FIRST_PAUSE, 0.0
    while total < _KILL_TIMEOUT:
        yield pause
        total += pause
        pause = min(pause * 2, _LAST_PAUSE)
    name = record.status.spec.name
    raise RuntimeFailure(f"processes of container {name!r} could not be killed within {_KILL_TIMEOUT:.0f} s")
