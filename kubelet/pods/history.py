"""Runs of containers that only the API server remembers.

After a reboot the runtime may know nothing of a pod whose containers have run. Their ends, and how often they were
restarted, are taken from the pod's last status: restart counts continue and what had succeeded is not run again. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api import timestamps
from api.types import ContainerStatus, Pod
from kubelet.pods.view import NANOSECONDS, Run
from kubelet.runtime.base import ContainerSpec, ContainerState

UNKNOWN_REASON = "ContainerStatusUnknown"
UNKNOWN_CODE = 137
UNKNOWN_MESSAGE = "The container could not be located when the pod was restarted"


def runs_of(pod: Pod, known: Iterable[Run], now: float) -> dict[str, list[Run]]:
    """All runs of the pod by container, oldest first: those the runtime knows and those it has lost."""
    runs: dict[str, list[Run]] = {}
    for run in sorted(known, key=lambda run: (run.spec.attempt, run.created_at)):
        runs.setdefault(run.spec.name, []).append(run)
    for status in _statuses(pod):
        if status.name not in runs:
            lost = _lost(pod, status, now)
            if lost is not None:
                runs[status.name] = [lost]
    return runs


def _statuses(pod: Pod) -> list[ContainerStatus]:
    status = pod.status
    return [*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses]


def _lost(pod: Pod, status: ContainerStatus, now: float) -> Run | None:
    """An ended run in place of the one the status tells of; None when it tells of none."""
    ended = status.state.terminated or (status.last_state.terminated if status.state.waiting is not None else None)
    if ended is None and status.state.running is None:
        return None
    if ended is not None:
        code, reason, message = ended.exit_code, ended.reason, ended.message
        started, finished = _time(ended.started_at), _time(ended.finished_at)
    else:
        code, reason, message = UNKNOWN_CODE, UNKNOWN_REASON, UNKNOWN_MESSAGE
        running = status.state.running
        started, finished = _time(running.started_at if running is not None else None), int(now * NANOSECONDS)
    return Run(
        id=status.container_id.partition("://")[2],
        sandbox_id="",
        pod_uid=pod.metadata.uid,
        spec=ContainerSpec(sandbox_id="", name=status.name, image=status.image, attempt=status.restart_count),
        state=ContainerState.EXITED,
        image_id=status.image_id,
        created_at=started,
        started_at=started,
        finished_at=finished,
        exit_code=code,
        reason=reason,
        message=message,
    )


def _time(text: str | None) -> int:
    return int(timestamps.parse_or(text, 0.0) * NANOSECONDS)


def ready_before(pod: Pod) -> Mapping[str, bool]:
    """Which containers the last kubelet found ready, by container id."""
    return {status.container_id.partition("://")[2]: status.ready for status in _statuses(pod) if status.container_id}
