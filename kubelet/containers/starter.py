"""Starting one container: image, configuration, create, start, postStart hook; events in upstream's words.

Leaves out when and whether (`kubelet.pods.start`). Source: upstream's kuberuntime_container.go, startContainer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from api.errors import StatusError
from api.types import Container, EphemeralContainer, Pod
from kubelet.containers import env_files, environment, security
from kubelet.containers.env_files import EnvFileFailure
from kubelet.containers.environment import EnvironmentFailure, Sources
from kubelet.containers.expansion import expand
from kubelet.containers.fields import PodFacts
from kubelet.containers.hooks import HookFailure, run_hook
from kubelet.containers.images import Announcement, Images
from kubelet.containers.mounts import MountProblem, Places, container_devices, container_mounts
from kubelet.containers.problem import Problem
from kubelet.containers.resources import container_resources
from kubelet.file_errors import file_error_text
from kubelet.metrics import pods as metrics
from kubelet.objects import ObjectCache
from kubelet.paths import Paths
from kubelet.runtime.base import (
    ContainerSpec,
    ContainerStatus,
    ImageNotPresent,
    ImageStatus,
    InvalidConfig,
    Resources,
    Runtime,
    RuntimeFailure,
    SandboxStatus,
    StartFailure,
)

CONFIG_ERROR = "CreateContainerConfigError"
RETRY_SECONDS = 2.0
POST_START_GRACE_SECONDS = 30.0

AnyContainer = Container | EphemeralContainer


@dataclass(frozen=True, slots=True)
class StarterServices:
    """What starting the containers of all pods shares.

    service_variables: waits until Services are known and gives their variables for a pod.
    """

    runtime: Runtime
    images: Images
    objects: ObjectCache
    paths: Paths
    seccomp_dir: Path
    node_memory_bytes: int
    service_variables: Callable[[Pod], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class StartJob:
    """One start.

    target_id: the container whose processes an ephemeral one sees. observe: told of the container as soon as it exists
    and again when it runs. aborted: the pod ends.
    """

    pod: Pod
    container: AnyContainer
    attempt: int
    sandbox: SandboxStatus
    volumes: Mapping[str, Path]
    facts: PodFacts
    now: float
    announce: Callable[[Announcement], None]
    observe: Callable[[ContainerStatus], None]
    aborted: asyncio.Event
    target_id: str = ""


class Starter:
    """Starts containers; keeps nothing between calls but what `Images` remembers."""

    def __init__(self, services: StarterServices) -> None:
        self._services = services

    async def start(self, job: StartJob) -> None:
        """Start a container and run its postStart hook. Raises Problem."""
        image = await self._image(job)
        try:
            security.check_non_root(job.pod, job.container, image)
            spec = await self._spec(job)
        except (security.RootForbidden, EnvironmentFailure, EnvFileFailure, MountProblem) as error:
            raise self._refuse(job, CONFIG_ERROR, str(error)) from error
        except StatusError as error:
            raise self._refuse(job, CONFIG_ERROR, error.message) from error
        except OSError as error:
            raise self._refuse(job, CONFIG_ERROR, file_error_text(error)) from error
        created = await self._create(job, spec)
        if await self._run(job, created):
            await self._post_start(job, created.id)

    def resources(self, pod: Pod, container: AnyContainer) -> Resources:
        """The limits of the container's cgroup."""
        return container_resources(pod, container, self._services.node_memory_bytes)

    async def _image(self, job: StartJob) -> ImageStatus:
        """The image; a registry that takes its time does not keep a pod that is to end."""
        ensured = asyncio.create_task(
            self._services.images.ensure(job.pod, job.container, job.now, job.announce),
            name=f"image {job.container.image}",
        )
        aborted = asyncio.create_task(job.aborted.wait())
        try:
            await asyncio.wait([ensured, aborted], return_when=asyncio.FIRST_COMPLETED)
            if not ensured.done():
                raise Problem("ErrImagePull", "the pod ends before its image was pulled", RETRY_SECONDS)
            return ensured.result()
        finally:
            ensured.cancel()
            aborted.cancel()
            await asyncio.wait([ensured, aborted])

    async def _spec(self, job: StartJob) -> ContainerSpec:
        pod, container, services = job.pod, job.container, self._services
        wanted = sorted(environment.references(container), key=lambda r: (r.kind.__name__, r.name))
        found = await asyncio.gather(
            *(services.objects.get(reference.kind, pod.metadata.namespace, reference.name) for reference in wanted)
        )
        sources = Sources.of((object for object in found if object is not None), _env_files(job))
        variables = environment.build(pod, container, sources, await services.service_variables(pod), job.facts)
        places = Places(job.volumes, services.paths)
        return ContainerSpec(
            sandbox_id=job.sandbox.id,
            name=container.name,
            image=container.image,
            attempt=job.attempt,
            command=[expand(word, variables) for word in container.command],
            args=[expand(word, variables) for word in container.args],
            env=variables,
            working_dir=container.working_dir,
            mounts=container_mounts(pod, container, job.attempt, variables, places),
            devices=container_devices(pod, container, places),
            resources=self.resources(pod, container),
            security=security.security(pod, container, services.seccomp_dir),
            stdin=container.stdin,
            stdin_once=container.stdin_once,
            tty=container.tty,
            log_path=str(services.paths.log_file(pod, container.name, job.attempt)),
            stop_signal=(container.lifecycle.stop_signal or "") if container.lifecycle is not None else "",
            target_id=job.target_id,
            labels=_labels(pod, container),
        )

    async def _create(self, job: StartJob, spec: ContainerSpec) -> ContainerStatus:
        Path(spec.log_path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with metrics.operation("create_container"):
                created = await self._services.runtime.create_container(spec)
        except InvalidConfig as error:
            raise self._refuse(job, CONFIG_ERROR, str(error)) from error
        except ImageNotPresent as error:
            raise self._refuse(job, "ErrImagePull", str(error)) from error
        except RuntimeFailure as error:
            raise self._refuse(job, "CreateContainerError", str(error)) from error
        job.observe(created)
        job.announce(Announcement("Normal", "Created", f"Created container: {job.container.name}"))
        return created

    async def _run(self, job: StartJob, created: ContainerStatus) -> bool:
        """Start it; False when it ended in the attempt and its restart policy has the word."""
        runtime = self._services.runtime
        try:
            with metrics.operation("start_container"):
                started = await runtime.start_container(created.id)
            job.observe(started)
        except StartFailure as error:
            metrics.started_containers_errors.labels(_kind(job), "RunContainerError").inc()
            job.announce(Announcement("Warning", "Failed", f"Error: {error}"))
            job.observe(await runtime.container_status(created.id))
            return False
        except RuntimeFailure as error:
            raise self._refuse(job, "RunContainerError", str(error)) from error
        metrics.started_containers.labels(_kind(job)).inc()
        job.announce(Announcement("Normal", "Started", f"Started container {job.container.name}"))
        return True

    def _refuse(self, job: StartJob, reason: str, message: str) -> Problem:
        metrics.started_containers_errors.labels(_kind(job), reason).inc()
        job.announce(Announcement("Warning", "Failed", f"Error: {message}"))
        return Problem(reason, message, RETRY_SECONDS)

    async def _post_start(self, job: StartJob, container_id: str) -> None:
        """Run the hook, unless the pod is ended meanwhile; a container whose hook fails is killed."""
        lifecycle = job.container.lifecycle
        if lifecycle is None or lifecycle.post_start is None:
            return
        runtime = self._services.runtime
        ip = job.facts.pod_ip
        hook = asyncio.create_task(run_hook(runtime, lifecycle.post_start, job.container, container_id, ip))
        abort = asyncio.create_task(job.aborted.wait())
        try:
            await asyncio.wait([hook, abort], return_when=asyncio.FIRST_COMPLETED)
            if hook.done():
                hook.result()
        except HookFailure as error:
            job.announce(Announcement("Warning", "FailedPostStartHook", f"PostStartHook failed: {error}"))
            job.announce(Announcement("Normal", "Killing", "FailedPostStartHook"))
            grace = job.pod.spec.termination_grace_period_seconds
            await runtime.stop_container(container_id, POST_START_GRACE_SECONDS if grace is None else float(grace))
            job.observe(await runtime.container_status(container_id))
            raise Problem("PostStartHookError", str(error), None) from error
        finally:
            hook.cancel()
            abort.cancel()
            await asyncio.wait([hook, abort])


def _env_files(job: StartJob) -> dict[environment.File, dict[str, str]]:
    found = {}
    for volume, path in environment.files(job.container):
        if volume not in job.volumes:
            raise EnvFileFailure(f'cannot find the volume "{volume}" referenced by FileKeyRef')
        variables = env_files.read(job.volumes[volume], path)
        if variables is not None:
            found[volume, path] = variables
    return found


def _kind(job: StartJob) -> str:
    """The metrics' `container_type`."""
    if isinstance(job.container, EphemeralContainer):
        return "ephemeral_container"
    return "init_container" if job.container in job.pod.spec.init_containers else "container"


def _labels(pod: Pod, container: AnyContainer) -> dict[str, str]:
    metadata = pod.metadata
    return {
        "io.kubernetes.container.name": container.name,
        "io.kubernetes.pod.name": metadata.name,
        "io.kubernetes.pod.namespace": metadata.namespace,
        "io.kubernetes.pod.uid": metadata.uid,
    }
