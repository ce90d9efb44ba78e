"""The kubelet's conditions of a pod (upstream: pkg/kubelet/status/generate.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from api.types import ContainerStatus, Pod, PodCondition
from kubelet.containers.resources import is_sidecar
from kubelet.pods.resize import Pending

PodReadyToStartContainers: Final = "PodReadyToStartContainers"
Initialized: Final = "Initialized"
Ready: Final = "Ready"
ContainersReady: Final = "ContainersReady"
PodScheduled: Final = "PodScheduled"
AllContainersRestarting: Final = "AllContainersRestarting"
PodResizePending: Final = "PodResizePending"
PodResizeInProgress: Final = "PodResizeInProgress"
# Also the eviction API's, the scheduler's and the taint manager's: ours only when we say so.
DisruptionTarget: Final = "DisruptionTarget"

OWNED: Final = frozenset(
    {
        PodReadyToStartContainers,
        Initialized,
        Ready,
        ContainersReady,
        PodScheduled,
        AllContainersRestarting,
        PodResizePending,
        PodResizeInProgress,
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions depend on. `now` is the text a changed condition's transition time gets.

    disruption: why the node ends a pod that could have gone on.
    restarts_all: an exit can have all containers restarted; restarting_all: one has, and none has begun anew yet.
    resizing: running containers do not have what the pod is allocated yet; resize_error says why, if it failed.
    """

    pod: Pod
    phase: str
    init: Sequence[ContainerStatus]
    own: Sequence[ContainerStatus]
    sandbox_ready: bool
    now: str
    resize_pending: Pending | None = None
    resizing: bool = False
    resize_error: str = ""
    disruption: str = ""
    restarts_all: bool = False
    restarting_all: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    status: bool
    reason: str = ""
    message: str = ""


def conditions(facts: Facts, previous: Iterable[PodCondition]) -> list[PodCondition]:
    """All conditions of the kubelet's; those that did not change keep their transition time."""
    before = {condition.type: condition for condition in previous}
    containers_ready = _containers_ready(facts)
    values = {
        # The sandbox of a pod that is over is given back, and no other is made.
        PodReadyToStartContainers: _Value(facts.sandbox_ready and facts.phase not in ("Succeeded", "Failed")),
        Initialized: _initialized(facts),
        Ready: _ready(facts, containers_ready),
        ContainersReady: containers_ready,
        PodScheduled: _Value(True),
    }
    if facts.restarts_all:
        values[AllContainersRestarting] = _restarting_all(facts)
    if facts.resize_pending is not None:
        values[PodResizePending] = _Value(True, facts.resize_pending.reason, facts.resize_pending.message)
    if facts.resizing:
        values[PodResizeInProgress] = _Value(True, "Error" if facts.resize_error else "", facts.resize_error)
    if facts.disruption:
        values[DisruptionTarget] = _Value(True, "TerminationByKubelet", facts.disruption)
    return [_condition(type, value, facts, before.get(type)) for type, value in values.items()]


def _restarting_all(facts: Facts) -> _Value:
    if facts.phase in ("Succeeded", "Failed"):
        return _Value(False, "PodCompleted" if facts.phase == "Succeeded" else "PodFailed")
    if facts.restarting_all:
        return _Value(True, "RestartAllContainersStarted", "container exited with restart policy rule")
    return _Value(False)


def _condition(type: str, value: _Value, facts: Facts, before: PodCondition | None) -> PodCondition:
    status = "True" if value.status else "False"
    changed = before is None or before.status != status
    return PodCondition(
        type=type,
        status=status,
        reason=value.reason,
        message=value.message,
        last_transition_time=facts.now if changed or before is None else before.last_transition_time,
        observed_generation=facts.pod.metadata.generation,
    )


def _names(statuses: Iterable[ContainerStatus], lacks: Callable[[ContainerStatus], bool]) -> str:
    return " ".join(status.name for status in statuses if lacks(status))


def _initialized(facts: Facts) -> _Value:
    if facts.phase == "Succeeded":
        return _Value(True, "PodCompleted")
    if any(status.state.waiting is None or status.last_state.terminated is not None for status in facts.own):
        return _Value(True)
    restartable = {container.name for container in facts.pod.spec.init_containers if is_sidecar(container)}
    names = _names(facts.init, lambda status: not (status.started if status.name in restartable else status.ready))
    if names:
        return _Value(False, "ContainersNotInitialized", f"containers with incomplete status: [{names}]")
    return _Value(True)


def _containers_ready(facts: Facts) -> _Value:
    if facts.phase == "Succeeded":
        return _Value(False, "PodCompleted")
    if facts.phase == "Failed":
        return _Value(False, "PodFailed")
    restartable = {container.name for container in facts.pod.spec.init_containers if is_sidecar(container)}
    counted = [*(status for status in facts.init if status.name in restartable), *facts.own]
    names = _names(counted, lambda status: not status.ready)
    if names:
        return _Value(False, "ContainersNotReady", f"containers with unready status: [{names}]")
    return _Value(True)


def _ready(facts: Facts, containers_ready: _Value) -> _Value:
    if not containers_ready.status:
        return containers_ready
    found = {condition.type: condition.status for condition in facts.pod.status.conditions}
    problems = []
    for gate in facts.pod.spec.readiness_gates:
        type = gate.condition_type
        if type not in found:
            problems.append(f'corresponding condition of pod readiness gate "{type}" does not exist.')
        elif found[type] != "True":
            problems.append(f'the status of pod readiness gate "{type}" is not "True", but {found[type]}')
    if problems:
        return _Value(False, "ReadinessGatesNotReady", ", ".join(problems))
    return _Value(True)
