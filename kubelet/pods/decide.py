"""The next step of a pod: `decide(state, view)` → new state, actions, waiting reasons, when to look again.

Pure and level-driven: the same view always gives the same decision, and a step that was lost is decided again.
Source of the behaviour: upstream's pod workers and kuberuntime's computePodActions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kubelet.pods import actions, resize
from kubelet.pods.actions import (
    Action,
    CreateSandbox,
    MountVolumes,
    Release,
    Remove,
    RemoveContainer,
    RunPreStop,
    StopCause,
    StopContainer,
)
from kubelet.pods.start import Step, Waiting, all_wait, container_steps, is_finished
from kubelet.pods.state import PodState
from kubelet.pods.view import Run, Stop, View, all_containers, find_container, grace_seconds, sidecars
from kubelet.runtime.base import ContainerState

DEADLINE_EXCEEDED = "DeadlineExceeded"
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


@dataclass(slots=True)
class Decision:
    """What shall happen now.

    stop: set once the pod is to end. waiting: why containers that shall run do not, by name.
    wake_at: when to decide again though nothing happens, in seconds since the epoch.
    """

    state: PodState
    actions: list[Action] = field(default_factory=list)
    stop: Stop | None = None
    waiting: dict[str, Waiting] = field(default_factory=dict)
    wake_at: float | None = None


def decide(state: PodState, view: View) -> Decision:
    """One step. Call again with the new state until it does not change any more."""
    if state is PodState.TERMINATED:
        return _terminated(view)
    stop = view.stop or _own_stop(view)
    if state is PodState.TERMINATING:
        return _terminating(view, stop or Stop(view.now))
    if stop is not None:
        return Decision(PodState.TERMINATING, stop=stop)
    return _running(state, view)


def _own_stop(view: View) -> Stop | None:
    """The pod's reason to end by itself, if it has one."""
    deadline = _active_deadline(view)
    if deadline is not None and deadline <= view.now:
        return Stop(view.now + grace_seconds(view.pod), DEADLINE_EXCEEDED, DEADLINE_MESSAGE)
    if is_finished(view):
        return Stop(view.now + grace_seconds(view.pod))
    return None


def _active_deadline(view: View) -> float | None:
    seconds = view.pod.spec.active_deadline_seconds
    return None if seconds is None or view.start_time is None else view.start_time + seconds


def _running(state: PodState, view: View) -> Decision:
    """Bring up what is missing: volumes and sandbox at the same time, then containers."""
    decision = Decision(state, wake_at=_active_deadline(view))
    if not view.volumes_ready:
        _try(decision, view, MountVolumes())
    if not view.sandbox_ready:
        decision.state = PodState.STARTING
        decision.actions.extend(_stop_strays(view))
        if not view.running(all_containers(view.pod)):
            _try(decision, view, CreateSandbox(view.sandbox_attempt))
        return decision
    if not view.volumes_ready:
        decision.state = PodState.STARTING
        return decision
    if _begins_anew(decision, view):
        decision.state = PodState.STARTING
        return decision
    complete = _take(decision, view, container_steps(view))
    stepped = {action.key for action in decision.actions}
    for action in resize.steps(view):
        if action.key not in stepped:
            _try(decision, view, action)
    decision.actions.extend(_superseded(view))
    if state is PodState.PENDING or (state is PodState.STARTING and not complete):
        decision.state = PodState.STARTING
    else:
        decision.state = PodState.RUNNING
    return decision


def _take(decision: Decision, view: View, steps: Iterable[Step]) -> bool:
    """Take the steps over into the decision; whether each is complete."""
    complete = True
    for step in steps:
        complete = complete and step.complete
        if step.waiting is not None:
            decision.waiting[step.name] = step.waiting
        if step.wake_at is not None:
            _wake(decision, step.wake_at)
        if step.action is not None:
            _try(decision, view, step.action)
    return complete


def _begins_anew(decision: Decision, view: View) -> bool:
    """Whether all containers are to begin anew and cannot yet: those before are stopped, or their culprit backs off."""
    void = view.void_runs()
    if not void:
        return False
    alive = [run for run in view.running(all_containers(view.pod)) if run.id in view.void]
    for run in alive:
        if actions.stop_key(run.spec.name) not in view.busy:
            _try(decision, view, StopContainer(run.spec.name, run.id, view.now, StopCause.RESTART_ALL, restarts=True))
    if alive or any(actions.start_key(container.name) in view.busy for container in all_containers(view.pod)):
        return True
    if len(void) < len(view.last_runs()):
        return False
    waiting = list(all_wait(view))
    _take(decision, view, waiting)
    return bool(waiting)


def _stop_strays(view: View) -> Iterator[Action]:
    """Containers that outlived their sandbox."""
    for run in view.running(all_containers(view.pod)):
        if actions.stop_key(run.spec.name) not in view.busy:
            yield StopContainer(run.spec.name, run.id, view.now)


def _try(decision: Decision, view: View, action: Action) -> None:
    """Add an action unless it is under way or has failed a moment ago."""
    if action.key in view.busy:
        return
    retry_at = view.retry_at.get(action.key)
    if retry_at is not None and retry_at > view.now:
        _wake(decision, retry_at)
        return
    decision.actions.append(action)


def _wake(decision: Decision, at: float) -> None:
    decision.wake_at = at if decision.wake_at is None else min(decision.wake_at, at)


def _superseded(view: View) -> Iterator[Action]:
    """Dead runs that nobody needs: of each container the current run and the last one before it are kept."""
    if view.void_runs():
        # Until all have begun anew the exit that asked for it must stay known.
        return
    for runs in view.runs.values():
        dead = [run for run in runs[:-1] if run.state is ContainerState.EXITED]
        for run in dead[:-1]:
            action = RemoveContainer(run.id)
            if action.key not in view.busy:
                yield action


def _terminating(view: View, stop: Stop) -> Decision:
    """Stop the containers, sidecars last and in reverse order; then give everything back.

    Sidecars' preStop hooks begin with the others' end, not with their own (upstream: terminationOrdering).
    """
    decision = Decision(PodState.TERMINATING, stop=stop)
    if view.released:
        decision.state = PodState.TERMINATED
        return decision
    sides = sidecars(view.pod)
    others = [container for container in all_containers(view.pod) if container not in sides]
    running, waiting = view.running(others), view.running(sides)
    if view.now >= stop.deadline:
        # No time is left to take turns.
        running, waiting = [*running, *waiting], []
    elif not running:
        running, waiting = waiting[-1:], waiting[:-1]
    for run in running:
        if actions.pre_stop_key(run.spec.name) not in view.busy or view.now >= stop.deadline:
            _stop_by(decision, view, run, stop.deadline)
    for run in waiting:
        if run.id not in view.pre_stopped and _has_pre_stop(view, run):
            _try(decision, view, RunPreStop(run.spec.name, run.id, stop.deadline))
    if running and view.now < stop.deadline:
        _wake(decision, stop.deadline)
    if not running and not view.busy:
        _try(decision, view, Release())
    return decision


def _has_pre_stop(view: View, run: Run) -> bool:
    container = find_container(view.pod, run.spec.name)
    return container is not None and container.lifecycle is not None and container.lifecycle.pre_stop is not None


def _stop_by(decision: Decision, view: View, run: Run, deadline: float) -> None:
    """Stop a run, or stop it sooner than it is being stopped already (a second, more urgent deletion)."""
    name = run.spec.name
    if actions.start_key(name) in view.busy:
        return
    promised = view.stopping.get(name)
    if promised is not None:
        if deadline < promised:
            decision.actions.append(StopContainer(name, run.id, deadline))
        return
    _try(decision, view, StopContainer(name, run.id, deadline))


def _terminated(view: View) -> Decision:
    decision = Decision(PodState.TERMINATED, stop=view.stop)
    if view.deleted and not view.removed:
        _try(decision, view, Remove())
    return decision
