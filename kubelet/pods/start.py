"""Which containers of a live pod to start, restart or stop, in order.

Init containers run one after another; a sidecar (restartable init container) lets the next one begin once it has
started; then the pod's own containers start in order, then ephemeral ones. Source: upstream's kuberuntime
(computePodActions, computeInitContainerActions, doBackOff) and its restart rules of 1.34.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from api.types import Container, EphemeralContainer, Pod
from kubelet.containers.backoff import duration_text
from kubelet.containers.resources import is_sidecar
from kubelet.containers.security import pod_text
from kubelet.pods import actions, restart_all
from kubelet.pods.actions import RemoveContainer, StartContainer, StopCause, StopContainer
from kubelet.pods.view import Run, View, ended_at, find_container, grace_seconds
from kubelet.runtime.base import ContainerState

CRASH_LOOP = "CrashLoopBackOff"
KILLED_EXIT_CODE = 137


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run: `state.waiting` of its status."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one container. complete: it has begun, as far as the pod's own start is concerned."""

    name: str
    action: StartContainer | StopContainer | RemoveContainer | None = None
    waiting: Waiting | None = None
    wake_at: float | None = None
    complete: bool = True


def restarts(pod: Pod, container: Container, exit_code: int) -> bool:
    """Whether a container that ended so is started again."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
            # Both actions bring it back: alone, or with all the others (`restart_all`).
            return rule.action in ("Restart", restart_all.ACTION)
    policy = container.restart_policy or pod.spec.restart_policy
    if container in pod.spec.init_containers:
        return policy != "Never" and (exit_code != 0 or is_sidecar(container))
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def is_finished(view: View) -> bool:
    """Whether every container has done what it had to, or one has failed for good."""
    if any(key.startswith("start/") for key in view.busy):
        return False
    if _init_failed(view):
        return True
    if view.sandbox is not None and not view.sandbox_ready and view.pod.spec.restart_policy == "Never" and view.runs:
        # A pod that must not restart does not get a second sandbox.
        return not view.running(view.pod.spec.containers)
    for container in view.pod.spec.containers:
        run = view.current(container.name)
        if run is None or run.id in view.void:
            return False
        if run.state is not ContainerState.EXITED or _restarts(view, container, run):
            return False
    return True


def _restarts(view: View, container: Container, run: Run) -> bool:
    """As `restarts`; a run its probes wanted dead has failed, whatever it exited with."""
    return restarts(view.pod, container, KILLED_EXIT_CODE if run.id in view.unhealthy else run.exit_code)


def _init_failed(view: View) -> bool:
    for container in view.pod.spec.init_containers:
        run = view.in_sandbox(container.name)
        if run is None or run.state is not ContainerState.EXITED or is_sidecar(container):
            continue
        if run.exit_code != 0 and not restarts(view.pod, container, run.exit_code):
            return True
    return False


def container_steps(view: View) -> Iterator[Step]:
    """A step for each container that has its turn now; those behind one that is not `complete` do not appear."""
    initialized = view.initialized()
    for container in view.pod.spec.init_containers:
        if initialized and not is_sidecar(container):
            continue
        step = _turn(view, container, _sidecar if is_sidecar(container) else _init)
        yield step
        if not step.complete and not initialized:
            return
    for container in view.pod.spec.containers:
        step = _turn(view, container, _regular)
        yield step
        if not step.complete:
            # One at a time: a postStart hook holds back the containers after its own.
            return
    for ephemeral in view.pod.spec.ephemeral_containers:
        yield _turn(view, ephemeral, _ephemeral)


AnyOf = TypeVar("AnyOf", Container, EphemeralContainer)


def _turn(view: View, container: AnyOf, rule: Callable[[View, AnyOf, Run | None], Step]) -> Step:
    """What `rule` says of the container's present run; nothing while it is being started or is half made."""
    name = container.name
    if actions.start_key(name) in view.busy:
        return Step(name, complete=False)
    run = view.current(name)
    if run is not None and run.state is ContainerState.CREATED:
        # Made but never started: the kubelet that made it died in between.
        return Step(name, RemoveContainer(run.id), complete=False)
    return rule(view, container, run)


def _init(view: View, container: Container, run: Run | None) -> Step:
    if run is None or run is not view.in_sandbox(container.name):
        return _start_anew(view, container, run)
    if run.state is ContainerState.RUNNING:
        return Step(container.name, complete=False)
    return Step(container.name) if run.exit_code == 0 else _start(view, container, run)


def _sidecar(view: View, container: Container, run: Run | None) -> Step:
    if run is None or run is not view.in_sandbox(container.name):
        return _start_anew(view, container, run)
    if run.state is ContainerState.EXITED:
        return _start(view, container, run)
    if (cause := _stop_cause(view, container, run)) is not None:
        return _stop_for(view, container, run, cause, complete=False)
    return Step(container.name, complete=run.id in view.started)


def _regular(view: View, container: Container, run: Run | None) -> Step:
    if run is not None and run.id in view.void:
        step = _start_anew(view, container, run)
        return replace(step, complete=step.action is None)
    if run is not None and run.state is ContainerState.RUNNING:
        if (cause := _stop_cause(view, container, run)) is not None:
            return _stop_for(view, container, run, cause, complete=True)
        return Step(container.name)
    if run is not None and not _restarts(view, container, run):
        return Step(container.name)
    step = _start(view, container, run)
    # One that backs off does not hold back the others.
    return replace(step, complete=step.action is None)


def _ephemeral(view: View, container: EphemeralContainer, run: Run | None) -> Step:
    return _start(view, container, None) if run is None else Step(container.name)


def _start_anew(view: View, container: Container, run: Run | None) -> Step:
    """Start a container that has not run here yet, or not since all were to begin anew: whose exit it was backs off."""
    culprit = run is not None and run.id in view.void and restart_all.asked(container, run)
    return _start(view, container, run if culprit else None)


def all_wait(view: View) -> Iterator[Step]:
    """While the container whose exit has all begin anew backs off, none begins."""
    for container in (*view.pod.spec.init_containers, *view.pod.spec.containers):
        run = view.current(container.name)
        if run is not None and run.id in view.void and restart_all.asked(container, run):
            step = _start(view, container, run)
            if step.waiting is not None:
                yield step


def _start(view: View, container: Container | EphemeralContainer, failed: Run | None) -> Step:
    """Start the container now, or say how long it backs off; `failed` is its ended run in this sandbox."""
    name = container.name
    retry_at = view.retry_at.get(actions.start_key(name))
    if retry_at is not None and retry_at > view.now:
        return Step(name, wake_at=retry_at, complete=False)
    if failed is not None:
        until = view.backoff.until(backoff_key(view.pod, name), ended_at(failed))
        if until > view.now:
            delay = duration_text(view.backoff.delay(backoff_key(view.pod, name)))
            text = f"back-off {delay} restarting failed container={name} pod={pod_text(view.pod)}"
            return Step(name, waiting=Waiting(CRASH_LOOP, text), wake_at=until, complete=False)
    previous = view.current(name)
    attempt = 0 if previous is None else previous.spec.attempt + 1
    sandbox_id = view.sandbox.id if view.sandbox is not None else ""
    failed_at = None if failed is None else ended_at(failed)
    return Step(name, StartContainer(name, sandbox_id, attempt, failed_at), complete=False)


def backoff_key(pod: Pod, container: str) -> tuple[str, str, str]:
    """Another image is another chance: its back-off begins anew (upstream: getStableKey)."""
    found = find_container(pod, container)
    return pod.metadata.uid, container, found.image if found is not None else ""


def _stop_cause(view: View, container: Container, run: Run) -> StopCause | None:
    """Why a running container must not go on, if so: its probes, or another image in its spec."""
    if run.spec.image != container.image:
        return StopCause.CHANGED
    return view.unhealthy.get(run.id)


def _stop_for(view: View, container: Container, run: Run, cause: StopCause, *, complete: bool) -> Step:
    grace = grace_seconds(view.pod)
    probe = {StopCause.STARTUP: container.startup_probe, StopCause.LIVENESS: container.liveness_probe}.get(cause)
    if probe is not None and probe.termination_grace_period_seconds is not None:
        grace = float(probe.termination_grace_period_seconds)
    # A stopped container counts as failed, whatever it exits with.
    again = restarts(view.pod, container, KILLED_EXIT_CODE)
    stop = StopContainer(container.name, run.id, view.now + grace, cause, again)
    return Step(container.name, stop, complete=complete)
