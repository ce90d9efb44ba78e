"""Carrying out a pod's actions. Decides nothing: `kubelet.pods.decide` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from api.types import EphemeralContainer, Pod
from cluster.cgroups import CgroupFailure
from cluster.events import EventRecorder
from cluster.logs import get_logger
from kubelet.containers import names, termination
from kubelet.containers.fields import PodFacts
from kubelet.containers.hooks import HookFailure
from kubelet.containers.images import Announcement, Images
from kubelet.containers.names import ClusterDns
from kubelet.containers.problem import Problem
from kubelet.containers.security import pod_text, sysctls
from kubelet.containers.starter import Starter, StartJob
from kubelet.file_errors import file_error_text
from kubelet.logs import files
from kubelet.metrics import pods as metrics
from kubelet.paths import Paths
from kubelet.pod_cgroups import PodCgroups
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
    StopCause,
    StopContainer,
)
from kubelet.pods.cleanup import remove_leftovers
from kubelet.pods.pre_stop import PreStopHooks
from kubelet.pods.record import PodRecord
from kubelet.pods.runtime_handler import CheckHandler
from kubelet.pods.start import backoff_key
from kubelet.pods.view import AnyContainer, Run, find_container
from kubelet.probes.prober import Announce, PodProber
from kubelet.removal import remove_tree
from kubelet.runtime.base import ContainerState, NotFound, PortMapping, Runtime, RuntimeFailure, SandboxSpec
from kubelet.volumes.pod_volumes import MountFailure, PodVolumes, VolumeServices

# A container is always given this long between SIGTERM and SIGKILL (upstream: minimumGracePeriodInSeconds).
MIN_GRACE_SECONDS = 2.0
# Ours: a Pod annotated `none` has a network of nothing but loopback (`podling run --network none`).
NETWORK_ANNOTATION = "run.podling/network"
GRACE_ANNOTATION = "io.kubernetes.pod.terminationGracePeriod"

log = get_logger()


@dataclass(frozen=True, slots=True)
class NodeServices:
    """What the executors of all pods share. `facts` are told of a pod with these addresses."""

    runtime: Runtime
    starter: Starter
    images: Images
    volumes: VolumeServices
    cgroups: PodCgroups
    recorder: EventRecorder
    paths: Paths
    dns: ClusterDns
    node_name: str
    node_ip: str
    check_handler: CheckHandler
    facts: Callable[[Sequence[str]], PodFacts]
    second_node_ip: str = ""

    @property
    def node_ips(self) -> list[str]:
        return [ip for ip in (self.node_ip, self.second_node_ip) if ip]

    def executor(self, record: PodRecord, changed: Callable[[], None]) -> Executor:
        return Executor(record, self, changed)

    def prober(self, labels: tuple[str, str, str], announce: Announce, changed: Callable[[], None]) -> PodProber:
        return PodProber(self.runtime, labels, announce, changed)

    async def remove_leftovers(self, known: set[str]) -> None:
        await remove_leftovers(self.volumes, self.cgroups, known)


class Executor:
    """Carries out the actions of one pod on its record; `changed` is called when the record changed in between."""

    def __init__(self, record: PodRecord, services: NodeServices, changed: Callable[[], None]) -> None:
        self._record = record
        self._services = services
        self._changed = changed
        self._hooks = PreStopHooks(services.runtime)
        self.volumes = PodVolumes(record.pod, services.volumes, lambda: services.facts(record.pod_ips))

    async def carry_out(self, action: Action) -> None:
        """Do one thing. Raises Problem (a start), MountFailure, RuntimeFailure, CgroupFailure or OSError."""
        match action:
            case MountVolumes():
                await self._mount_volumes()
            case CreateSandbox():
                await self._create_sandbox(action.attempt)
            case StartContainer():
                await self._start(action)
            case StopContainer():
                await self._stop(action)
            case RunPreStop():
                await self._run_pre_stop(action)
            case ResizeContainers():
                await self._resize(action.names)
            case RemoveContainer():
                await self._remove_container(action.id)
            case Release():
                await self._release()
            case Remove():
                await self._remove()

    def announce(self, type: str, reason: str, message: str, container: AnyContainer | None = None) -> None:
        """Record an event about the pod or one of its containers."""
        pod = self._record.pod
        path = "" if container is None else f"{_container_field(pod, container)}{{{container.name}}}"
        self._services.recorder.record(pod, type, reason, message, field_path=path)

    def observe(self, run: Run) -> None:
        """Take over the runtime's word on a container; an ended one is given its termination message."""
        if run.state is ContainerState.EXITED:
            run = self._with_message(run)
        self._record.observe(run)
        self._changed()

    async def _mount_volumes(self) -> None:
        try:
            await self.volumes.mount()
        except MountFailure as error:
            for name, text in error.failures:
                self.announce("Warning", "FailedMount", f'MountVolume.SetUp failed for volume "{name}" : {text}')
            raise
        self._record.volumes_ready = True

    async def _create_sandbox(self, attempt: int) -> None:
        record, services = self._record, self._services
        if record.sandboxes:
            self.announce("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            for sandbox in record.sandboxes:
                await services.runtime.stop_sandbox(sandbox.id)
        began = time.monotonic()
        try:
            await services.check_handler(record.pod)
            parent = services.cgroups.create(record.pod)
            with metrics.operation("run_podsandbox"):
                sandbox = await services.runtime.run_sandbox(self._sandbox_spec(attempt, parent))
        except Exception as error:
            metrics.started_pods_errors.inc()
            self.announce("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            raise
        metrics.started_pods.inc()
        metrics.sandbox_seconds.labels("").observe(time.monotonic() - began)
        record.observe_sandbox(sandbox)

    def _sandbox_spec(self, attempt: int, cgroup_parent: str) -> SandboxSpec:
        pod, services = self._record.pod, self._services
        spec, metadata = pod.spec, pod.metadata
        grace = spec.termination_grace_period_seconds
        return SandboxSpec(
            pod_uid=metadata.uid,
            pod_name=metadata.name,
            pod_namespace=metadata.namespace,
            attempt=attempt,
            hostname=services.node_name if spec.host_network else names.hostname(pod, services.dns.domain),
            log_directory=str(services.paths.pod_logs(pod)),
            cgroup_parent=cgroup_parent,
            host_network=spec.host_network,
            no_network=metadata.annotations.get(NETWORK_ANNOTATION) == "none",
            host_pid=spec.host_pid,
            host_ipc=spec.host_ipc,
            share_process_namespace=bool(spec.share_process_namespace),
            user_namespace=spec.host_users is False,
            resolv_conf=names.resolver_file(names.resolver(pod, services.dns)),
            sysctls=sysctls(pod),
            port_mappings=_port_mappings(pod),
            annotations={GRACE_ANNOTATION: str(30 if grace is None else grace)},
        )

    def _write_hosts(self, ips: Sequence[str]) -> None:
        """Before every container, as upstream: a kubelet that was killed may have left none, or half of it.

        One that reads as it should is left alone, as writing empties it for a moment and other containers may look.
        """
        services, pod = self._services, self._record.pod
        node_hosts = _read_hosts() if pod.spec.host_network else ""
        wanted = names.hosts_file(pod, ips, services.dns.domain, node_hosts).encode()
        file = services.paths.hosts(pod.metadata.uid)
        if not file.exists() or file.read_bytes() != wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wanted)
        file.chmod(0o644)

    async def _start(self, action: StartContainer) -> None:
        record, services = self._record, self._services
        container = find_container(record.pod, action.name)
        sandbox = record.sandbox
        if container is None or sandbox is None or sandbox.id != action.sandbox_id:
            return  # decided on an older state of things
        now = time.time()
        if action.failed_at is not None:
            record.backoff.next(backoff_key(record.pod, action.name), action.failed_at, now)

        def announce(event: Announcement) -> None:
            self.announce(event.type, event.reason, event.message, container)

        job = StartJob(
            pod=record.pod,
            container=container,
            attempt=action.attempt,
            sandbox=sandbox,
            volumes=self.volumes.places,
            facts=services.facts(sandbox.ips or services.node_ips),
            now=now,
            announce=announce,
            observe=self.observe,
            aborted=record.aborted,
            target_id=self._target(container),
        )
        try:
            services.cgroups.widen(job.pod)
            self._write_hosts(sandbox.ips)
            await services.starter.start(job)
        except (RuntimeFailure, CgroupFailure) as error:
            raise Problem("CreateContainerError", str(error), MIN_GRACE_SECONDS) from error
        except OSError as error:
            raise Problem("CreateContainerError", file_error_text(error), MIN_GRACE_SECONDS) from error
        services.cgroups.narrow(job.pod)
        record.problems.pop(action.name, None)

    def _target(self, container: AnyContainer) -> str:
        """The id of the container an ephemeral one is aimed at, or nothing."""
        name = container.target_container_name if isinstance(container, EphemeralContainer) else ""
        runs = self._record.runs.get(name) if name else None
        return runs[-1].id if runs else ""

    async def _stop(self, action: StopContainer) -> None:
        record, runtime = self._record, self._services.runtime
        container = find_container(record.pod, action.name)
        self._hooks.hurry(action.id, action.deadline)
        first = record.busy[action.key] <= 1
        if first and container is not None:
            self.announce("Normal", "Killing", _killing_text(action), container)
            if action.id not in record.pre_stopped:
                await self._pre_stop(action, container)
        try:
            with metrics.operation("stop_container"):
                await runtime.stop_container(action.id, max(action.deadline - time.time(), MIN_GRACE_SECONDS))
        finally:
            self._hooks.end(action.id)
        try:
            self.observe(await runtime.container_status(action.id))
        except NotFound:
            record.forget_run(action.id)

    async def _run_pre_stop(self, action: RunPreStop) -> None:
        container = find_container(self._record.pod, action.name)
        if container is not None:
            await self._pre_stop(action, container)
        self._record.pre_stopped.add(action.id)

    async def _pre_stop(self, action: StopContainer | RunPreStop, container: AnyContainer) -> None:
        """Run the hook; past the deadline nobody waits for it."""
        handler = container.lifecycle.pre_stop if container.lifecycle is not None else None
        if handler is None or action.deadline <= time.time():
            return
        ip = self._record.pod_ip or self._services.node_ip
        try:
            await self._hooks.run(handler, container, action.id, ip, action.deadline)
        except HookFailure as error:
            self.announce("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}", container)
        except TimeoutError:
            log.info("a preStop hook outlasted the grace period", container=action.name, pod=pod_text(self._record.pod))

    async def _resize(self, names: tuple[str, ...]) -> None:
        """Widen the pod's cgroup, give the containers their new limits, then narrow the pod's to what is left."""
        record, services = self._record, self._services
        pod, runs = record.pod, [(find_container(record.pod, name), record.runs[name][-1]) for name in names]
        try:
            changes = []
            for container, run in runs:
                if container is None:
                    return  # decided on an older state of things
                wanted = services.starter.resources(pod, container)
                services.cgroups.check_usage(pod, run.id, wanted.memory_limit_bytes)
                changes.append((run, wanted))
            services.cgroups.widen(pod)
            for run, wanted in changes:
                await services.runtime.update_container_resources(run.id, wanted)
                self.observe(await services.runtime.container_status(run.id))
            services.cgroups.limit(pod)
        except (RuntimeFailure, CgroupFailure) as error:
            record.resize_error = str(error)
            raise
        record.resize_error = ""

    async def _remove_container(self, id: str) -> None:
        record, paths = self._record, self._services.paths
        run = record.find_run(id)
        with metrics.operation("remove_container"):
            await self._services.runtime.remove_container(id)
        record.forget_run(id)
        if run is not None:
            files.remove(paths.log_file(record.pod, run.spec.name, run.spec.attempt))
            paths.termination_log(record.uid, run.spec.name, run.spec.attempt).unlink(missing_ok=True)

    async def _release(self) -> None:
        record, services = self._record, self._services
        for sandbox in record.sandboxes:
            with metrics.operation("stop_podsandbox"):
                await services.runtime.stop_sandbox(sandbox.id)
        await self.volumes.unmount()
        await services.cgroups.remove(record.uid)
        record.released = True

    async def _remove(self) -> None:
        record, services = self._record, self._services
        for sandbox in record.sandboxes:
            with metrics.operation("remove_podsandbox"):
                await services.runtime.remove_sandbox(sandbox.id)
        record.sandboxes.clear()
        await asyncio.to_thread(_remove_folders, services.paths, record.pod)
        services.images.forget_pod(record.uid)
        record.removed = True

    def _with_message(self, run: Run) -> Run:
        container = find_container(self._record.pod, run.spec.name)
        if container is None:
            return run
        paths = self._services.paths
        said = paths.termination_log(self._record.uid, container.name, run.spec.attempt)
        log_file = paths.log_file(self._record.pod, container.name, run.spec.attempt)
        text = termination.message(container, said, log_file, run.exit_code)
        return replace(run, message=text) if text else run


def _container_field(pod: Pod, container: AnyContainer) -> str:
    if container in pod.spec.init_containers:
        return "spec.initContainers"
    return "spec.containers" if container in pod.spec.containers else "spec.ephemeralContainers"


def _killing_text(action: StopContainer) -> str:
    texts = {
        StopCause.LIVENESS: f"Container {action.name} failed liveness probe",
        StopCause.STARTUP: f"Container {action.name} failed startup probe",
        StopCause.CHANGED: f"Container {action.name} definition changed",
        StopCause.RESIZED: f"Container {action.name} resize requires restart",
        StopCause.RESTART_ALL: f"Container {action.name} is stopped as all containers restart",
    }
    text = texts.get(action.cause)
    if text is None:
        return f"Stopping container {action.name}"
    if action.cause is StopCause.RESIZED:
        return text
    return f"{text}, will be restarted" if action.restarts else text


def _port_mappings(pod: Pod) -> list[PortMapping]:
    return [
        PortMapping(
            host_port=port.host_port,
            container_port=port.container_port,
            protocol=port.protocol or "TCP",
            host_ip=port.host_ip,
        )
        for container in (*pod.spec.containers, *pod.spec.init_containers)
        for port in container.ports
        if port.host_port and not pod.spec.host_network
    ]


def _read_hosts() -> str:
    try:
        return Path("/etc/hosts").read_text()
    except FileNotFoundError:
        return ""


def _remove_folders(paths: Paths, pod: Pod) -> None:
    for directory in (paths.pod(pod.metadata.uid), paths.pod_logs(pod)):
        remove_tree(directory)
