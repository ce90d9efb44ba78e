"""What a hollow node ran before its process was restarted, read from the pods' statuses. Pure.

Real runtimes keep their records on disk; of a hollow pod the API server's word is the record.
"""

from __future__ import annotations

from collections.abc import Iterator

from api import timestamps
from api.types import ContainerStatus, Pod
from kubelet.pods.view import find_container
from kubelet.runtime.base import ContainerSpec, ContainerState, Resources, SandboxSpec, SandboxState, SandboxStatus
from kubelet.runtime.base import ContainerStatus as Run
from kubelet.runtime.hollow.behaviour import allocated, annotations_of
from kubelet.runtime.hollow.runtime import NANOSECONDS

TERMINAL = ("Succeeded", "Failed")


def sandbox_of(pod: Pod) -> SandboxStatus | None:
    """The sandbox of a pod that has not ended; None when it had none."""
    status, metadata = pod.status, pod.metadata
    if not status.pod_ip or status.phase in TERMINAL:
        return None
    spec = SandboxSpec(
        pod_uid=metadata.uid,
        pod_name=metadata.name,
        pod_namespace=metadata.namespace,
        host_network=pod.spec.host_network,
    )
    ip = "" if pod.spec.host_network else status.pod_ip
    created_at = _nanoseconds(status.start_time)
    return SandboxStatus(
        id=f"restored-{metadata.uid}", spec=spec, state=SandboxState.READY, created_at=created_at, ip=ip
    )


def containers_of(pod: Pod, sandbox: SandboxStatus) -> Iterator[Run]:
    """The last run of each container that has one."""
    status = pod.status
    for each in (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses):
        run = _run(pod, sandbox, each)
        if run is not None:
            yield run


def _run(pod: Pod, sandbox: SandboxStatus, status: ContainerStatus) -> Run | None:
    # One that backs off shows its ended run as the last state.
    ended = status.state.terminated or (status.last_state.terminated if status.state.waiting is not None else None)
    running = status.state.running
    id = status.container_id.partition("://")[2]
    if not id or (ended is None and running is None):
        return None
    started_at = _nanoseconds(running.started_at if running is not None else ended.started_at if ended else None)
    return Run(
        id=id,
        sandbox_id=sandbox.id,
        pod_uid=pod.metadata.uid,
        spec=ContainerSpec(
            sandbox_id=sandbox.id,
            name=status.name,
            image=status.image,
            attempt=status.restart_count,
            resources=_resources(pod, status.name),
            annotations=annotations_of(pod, status.name),
        ),
        state=ContainerState.RUNNING if ended is None else ContainerState.EXITED,
        image_id=status.image_id,
        created_at=started_at,
        started_at=started_at,
        finished_at=_nanoseconds(ended.finished_at) if ended is not None else 0,
        exit_code=ended.exit_code if ended is not None else 0,
        reason=ended.reason if ended is not None else "",
        message=ended.message if ended is not None else "",
    )


def _resources(pod: Pod, name: str) -> Resources:
    container = find_container(pod, name)
    return Resources() if container is None else allocated(pod, container)


def _nanoseconds(text: str | None) -> int:
    return int(timestamps.parse_or(text, 0.0) * NANOSECONDS)
