"""The one word for a pod: Pending, Running, Succeeded or Failed (upstream: kubelet_pods.go, getPhase)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api.types import ContainerStatus, Pod
from kubelet.containers.resources import is_sidecar

Pending: Final = "Pending"
Running: Final = "Running"
Succeeded: Final = "Succeeded"
Failed: Final = "Failed"

TERMINAL: Final = frozenset({Succeeded, Failed})


def phase_of(pod: Pod, init: Sequence[ContainerStatus], own: Sequence[ContainerStatus], *, over: bool) -> str:
    """The phase for the statuses of the init and regular containers.

    over: nothing of the pod runs or will run; the phase is then Succeeded or Failed.
    """
    phase = _phase_of_init(pod, init) or _phase_of_own(pod, own, over=over)
    if over:
        return phase if phase in TERMINAL else Failed
    if phase not in TERMINAL:
        return phase
    # What runs or may run again has not ended, whatever its containers did until now.
    begun = any(status.state.waiting is None or status.last_state.terminated is not None for status in own)
    return Running if begun else Pending


def _phase_of_init(pod: Pod, statuses: Sequence[ContainerStatus]) -> str | None:
    """The phase while the pod initializes; None once that is done."""
    for container, status in zip(pod.spec.init_containers, statuses, strict=True):
        ended = status.state.terminated or (status.last_state.terminated if status.state.waiting else None)
        if is_sidecar(container):
            if not status.started and not ended:
                return Pending
        elif ended is None:
            return Pending
        elif ended.exit_code != 0:
            return Failed if pod.spec.restart_policy == "Never" else Pending
    return None


def _phase_of_own(pod: Pod, statuses: Sequence[ContainerStatus], *, over: bool) -> str:
    running = sum(status.state.running is not None for status in statuses)
    ends = [status.state.terminated or status.last_state.terminated for status in statuses if not status.state.running]
    if any(end is None for end in ends):
        return Pending
    if running:
        return Running
    all_succeeded = all(end is not None and end.exit_code == 0 for end in ends)
    if over:
        return Succeeded if all_succeeded else Failed
    policy = pod.spec.restart_policy
    if policy == "Always":
        return Running
    if all_succeeded:
        return Succeeded
    return Failed if policy == "Never" else Running
