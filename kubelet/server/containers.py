"""Which run of which container a request means, and the refusals (upstream: validateContainerLogStatus)."""

from __future__ import annotations

from api import errors
from api.types import ContainerState, ContainerStatus, Pod
from kubelet.pods.pods import Pods
from kubelet.pods.view import Run, all_containers
from kubelet.pods.worker import PodWorker
from kubelet.runtime.base import ContainerState as RunState


def find_worker(pods: Pods, namespace: str, name: str) -> PodWorker:
    """The pod's worker. Raises NotFound."""
    worker = pods.find(namespace, name)
    if worker is None:
        raise errors.NotFound("pods", name)
    return worker


def container_name(pod: Pod, wanted: str) -> str:
    """The container meant; `""` is the pod's only one. Raises BadRequest."""
    names = [container.name for container in all_containers(pod)]
    if not wanted and len(pod.spec.containers) == 1:
        return pod.spec.containers[0].name
    if wanted not in names:
        raise errors.BadRequest(f"container {wanted} is not valid for pod {pod.metadata.name}")
    return wanted


def running(worker: PodWorker, wanted: str) -> Run:
    """The container's running run. Raises BadRequest."""
    name = container_name(worker.record.pod, wanted)
    runs = worker.record.runs.get(name)
    if not runs or runs[-1].state is not RunState.RUNNING:
        raise errors.BadRequest(f'container not found ("{name}"): it is not running')
    return runs[-1]


def run_for_logs(worker: PodWorker, wanted: str, *, previous: bool) -> Run:
    """The run whose log is meant. Raises BadRequest."""
    pod = worker.record.pod
    name = container_name(pod, wanted)
    status = _status(worker, name)
    container_id = _previous_id(status) if previous else _current_id(status)
    run = worker.record.find_run(container_id) if container_id else None
    if run is not None:
        return run
    if previous:
        raise errors.BadRequest(f'previous terminated container "{name}" in pod "{pod.metadata.name}" not found')
    raise errors.BadRequest(_waiting_text(name, pod, status.state))


def _status(worker: PodWorker, name: str) -> ContainerStatus:
    status = worker.status
    known = (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)
    return next((found for found in known if found.name == name), ContainerStatus(name=name))


def _id(text: str) -> str:
    return text.partition("://")[2]


def _previous_id(status: ContainerStatus) -> str:
    last = status.last_state.terminated
    return _id(last.container_id) if last is not None else ""


def _current_id(status: ContainerStatus) -> str:
    if status.state.waiting is not None:
        return _previous_id(status)
    return _id(status.container_id)


def _waiting_text(name: str, pod: Pod, state: ContainerState) -> str:
    reason = state.waiting.reason if state.waiting is not None else "ContainerCreating"
    texts = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
    return f'container "{name}" in pod "{pod.metadata.name}" is waiting to start: {texts.get(reason, reason)}'
