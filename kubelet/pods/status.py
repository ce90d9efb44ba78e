"""What a pod's status says, from what its worker knows. Pure.

Leaves out who writes it (`kubelet.pods.status_writer`) and what others own in it: conditions of other types are theirs.
Source: upstream's kubelet_pods.go (generateAPIPodStatus, getPhase) and pkg/kubelet/status/generate.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from api import timestamps
from api.types import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    EphemeralContainer,
    HostIP,
    LinuxContainerUser,
    Pod,
    PodIP,
    PodStatus,
    VolumeMount,
    VolumeMountStatus,
)
from kubelet.containers.resources import qos_class
from kubelet.pods import actions, phase, resize, restart_all
from kubelet.pods.conditions import Facts, conditions
from kubelet.pods.resize import Pending
from kubelet.pods.start import Waiting
from kubelet.pods.state import PodState
from kubelet.pods.view import NANOSECONDS, AnyContainer, Run, View, all_containers
from kubelet.runtime.base import ContainerState as RunState

# All termination messages of a pod together; each container has an equal share.
MAX_MESSAGES_BYTES = 12 * 1024
# Of a container that never ran, as upstream's runtimes tell it.
NEVER = "1970-01-01T00:00:00Z"

# As upstream's, which removes the containers then.
BEGINNING_ANEW = Waiting("RestartingAllContainers", "The container is removed because RestartAllContainers in place")
CREATING = Waiting("ContainerCreating")
INITIALIZING = Waiting("PodInitializing")
LOST = ContainerStateTerminated(
    exit_code=137,
    reason="ContainerStatusUnknown",
    message="The container could not be located when the pod was terminated",
)


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell: the worker's view and state, reasons for waiting and readiness by container.

    ready: ids of running containers whose readiness probe is satisfied. previous: the status told last.
    second_node_ip: of the other IP family in a dual-stack cluster, else "".
    """

    view: View
    state: PodState
    node_ip: str
    runtime_name: str
    previous: PodStatus
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    resize_pending: Pending | None = None
    resize_error: str = ""
    second_node_ip: str = ""

    @property
    def node_ips(self) -> list[str]:
        return [ip for ip in (self.node_ip, self.second_node_ip) if ip]


def status_of(report: Report) -> PodStatus:
    """The pod's whole status, but for conditions of types that are not the kubelet's."""
    view, pod = report.view, report.view.pod
    default = CREATING if not pod.spec.init_containers or view.initialized() else INITIALIZING
    init = [_container(report, container, default) for container in pod.spec.init_containers]
    own = [_container(report, container, default) for container in pod.spec.containers]
    ephemeral = [_container(report, container, default) for container in pod.spec.ephemeral_containers]
    share = MAX_MESSAGES_BYTES // (len(init) + len(own) + len(ephemeral))
    init, own, ephemeral = ([_shortened(status, share) for status in group] for group in (init, own, ephemeral))
    over = report.state is PodState.TERMINATED or _all_ended(report)
    if over:
        init, own = _account_for_lost(pod, init, own)
    stop = view.stop
    # A pod the node has ended has failed once nothing of it can run any more (upstream: mergePodStatus).
    told = stop if stop is not None and over else None
    now_phase = phase.Failed if told is not None and told.reason else _phase(view, init, own, over=over)
    ips = _pod_ips(report)
    facts = Facts(
        pod=pod,
        phase=now_phase,
        init=tuple(init),
        own=tuple(own),
        sandbox_ready=view.sandbox_ready,
        now=timestamps.now_text(view.now),
        resize_pending=report.resize_pending,
        resizing=not over and resize.in_progress(view),
        resize_error=report.resize_error,
        disruption=stop.disruption if stop is not None else "",
        restarts_all=restart_all.possible(pod),
        restarting_all=not over and bool(view.void_runs()) and view.void_runs() == view.last_runs(),
    )
    return PodStatus(
        phase=now_phase,
        reason=told.reason if told is not None else "",
        message=told.message if told is not None else "",
        conditions=conditions(facts, report.previous.conditions),
        init_container_statuses=init,
        # As upstream's: init containers in their order, the others by name.
        container_statuses=sorted(own, key=_by_name),
        ephemeral_container_statuses=sorted(ephemeral, key=_by_name),
        host_ip=report.node_ip,
        host_ips=[HostIP(ip=ip) for ip in report.node_ips],
        pod_ip=ips[0] if ips else "",
        pod_ips=[PodIP(ip=ip) for ip in ips],
        qos_class=pod.status.qos_class or str(qos_class(pod)),
        start_time=None if view.start_time is None else timestamps.now_text(view.start_time),
        observed_generation=pod.metadata.generation,
    )


def _all_ended(report: Report) -> bool:
    """Whether all containers of an ending pod have run and ended, though what is around them is still there.

    That is when upstream makes the phase final (SyncTerminatingPod).
    """
    view = report.view
    if report.state is not PodState.TERMINATING or view.running(all_containers(view.pod)):
        return False
    own = view.pod.spec.containers
    ended = (run is not None and run.state is RunState.EXITED for run in (view.current(c.name) for c in own))
    return all(ended) and not any(actions.start_key(c.name) in view.busy for c in all_containers(view.pod))


def _phase(view: View, init: list[ContainerStatus], own: list[ContainerStatus], *, over: bool) -> str:
    found = phase.phase_of(view.pod, init, own, over=over)
    # Pending until all containers that are to begin anew have done so (KEP-5532).
    return phase.Pending if found == phase.Running and view.void_runs() else found


def rejected(pod: Pod, reason: str, message: str, now: float) -> PodStatus:
    """The status of a pod this node refuses to run."""
    return PodStatus(
        phase=phase.Failed,
        reason=reason,
        message=f"Pod was rejected: {message}",
        qos_class=pod.status.qos_class or str(qos_class(pod)),
        start_time=timestamps.now_text(now),
        observed_generation=pod.metadata.generation,
    )


def _pod_ips(report: Report) -> list[str]:
    if report.view.pod.spec.host_network:
        return report.node_ips
    sandbox = report.view.sandbox
    if sandbox is not None and report.view.sandbox_ready:
        return sandbox.ips
    if report.state in (PodState.TERMINATING, PodState.TERMINATED):
        return [ip.ip for ip in report.previous.pod_ips]
    return []


def _container(report: Report, container: AnyContainer, default: Waiting) -> ContainerStatus:
    runs = report.view.runs.get(container.name, ())
    if not runs:
        waiting = report.waiting.get(container.name, default)
        return ContainerStatus(
            name=container.name,
            image=container.image,
            started=None if isinstance(container, EphemeralContainer) else False,
            state=_waiting(waiting),
            volume_mounts=_volume_mounts(container),
        )
    before = _told_before(report, container)
    if before is not None:
        return before
    run = runs[-1]
    state, last = _states(report, runs, default)
    running = state.running is not None
    started: bool | None = running and run.id in report.view.started
    ready = bool(started) and run.id in report.ready
    if isinstance(container, EphemeralContainer):
        started = None  # nobody probes it (upstream: UpdatePodStatus)
    elif container in report.view.pod.spec.init_containers and not _sidecar(container):
        # Without a startup probe to wait for, what runs has started.
        started = running
        ready = state.terminated is not None and state.terminated.exit_code == 0
    return ContainerStatus(
        name=container.name,
        image=run.spec.image or container.image,
        image_id=run.image_id,
        container_id=_id_text(report, run),
        restart_count=run.spec.attempt + (1 if _begins_anew(report.view, run) else 0),
        ready=ready,
        started=started,
        state=state,
        last_state=last,
        # Of one that does not run what was allocated is told (upstream: convertContainerStatusResources).
        resources=resize.shown(container.resources, run.spec.resources) if running else container.resources,
        allocated_resources=dict(container.resources.requests),
        volume_mounts=_volume_mounts(container),
        user=_user(run),
        stop_signal=run.spec.stop_signal or None,
    )


def _user(run: Run) -> ContainerUser | None:
    """Who its first process is, by numbers."""
    who = run.user
    if who is None:
        return None
    return ContainerUser(linux=LinuxContainerUser(uid=who.uid, gid=who.gid, supplemental_groups=list(who.groups)))


def _by_name(status: ContainerStatus) -> str:
    return status.name


def _shortened(status: ContainerStatus, most_bytes: int) -> ContainerStatus:
    """The status with a termination message of at most so many bytes (upstream: normalizeStatus)."""

    def of(state: ContainerState) -> ContainerState:
        ended = state.terminated
        if ended is None or len(ended.message.encode()) <= most_bytes:
            return state
        message = ended.message.encode()[:most_bytes].decode("utf-8", "ignore")
        return replace(state, terminated=replace(ended, message=message))

    return replace(status, state=of(status.state), last_state=of(status.last_state))


def _sidecar(container: AnyContainer) -> bool:
    return container.restart_policy == "Always"


def _told_before(report: Report, container: AnyContainer) -> ContainerStatus | None:
    """What was told of a container that has ended and is being started again: it holds until that is done.

    Upstream too says nothing new in between: one sync of the pod starts the container.
    """
    if report.view.stop is not None or actions.start_key(container.name) not in report.view.busy:
        return None
    told = (*report.previous.init_container_statuses, *report.previous.container_statuses)
    found = next((status for status in told if status.name == container.name), None)
    if found is None or (found.state.terminated or (found.state.waiting and found.last_state.terminated)) is None:
        return None
    return found


def _states(report: Report, runs: Iterable[Run], default: Waiting) -> tuple[ContainerState, ContainerState]:
    """(state, last state) of a container that has run or is about to."""
    *earlier, run = runs
    last = _terminated(report, earlier[-1]) if earlier else ContainerState()
    name = run.spec.name
    if run.state is RunState.EXITED:
        waiting = report.waiting.get(name)
        if waiting is None and _begins_anew(report.view, run):
            waiting = BEGINNING_ANEW
        if waiting is None and name in report.view.restarting and report.view.stop is None:
            # Its end is not the container's: none shows between the two runs (upstream has both in one sync).
            waiting = default
        return (_waiting(waiting), _terminated(report, run)) if waiting else (_terminated(report, run), last)
    # A container counts as running once its postStart hook is done.
    if run.state is RunState.CREATED or actions.start_key(name) in report.view.busy:
        return _waiting(report.waiting.get(name, default)), last
    return ContainerState(running=ContainerStateRunning(started_at=_time(run.started_at))), last


def _begins_anew(view: View, run: Run) -> bool:
    """Whether its container runs again because all of the pod's do; ephemeral containers never run again."""
    return run.state is RunState.EXITED and run in view.void_runs()


def _waiting(waiting: Waiting) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=waiting.reason, message=waiting.message))


def _terminated(report: Report, run: Run) -> ContainerState:
    return ContainerState(
        terminated=ContainerStateTerminated(
            container_id=_id_text(report, run),
            exit_code=run.exit_code,
            reason=run.reason,
            message=run.message,
            started_at=_time(run.started_at) or NEVER,
            finished_at=_time(run.finished_at),
        )
    )


def _id_text(report: Report, run: Run) -> str:
    return f"{report.runtime_name}://{run.id}" if run.id else ""


def _time(nanoseconds: int) -> str | None:
    return timestamps.now_text(nanoseconds / NANOSECONDS) if nanoseconds else None


def _volume_mounts(container: AnyContainer) -> list[VolumeMountStatus]:
    return [
        VolumeMountStatus(
            name=mount.name,
            mount_path=mount.mount_path,
            read_only=mount.read_only,
            recursive_read_only=_recursive(mount) if mount.read_only else None,
        )
        for mount in container.volume_mounts
    ]


def _recursive(mount: VolumeMount) -> str:
    return "Enabled" if mount.recursive_read_only in ("Enabled", "IfPossible") else "Disabled"


def _account_for_lost(
    pod: Pod, init: list[ContainerStatus], own: list[ContainerStatus]
) -> tuple[list[ContainerStatus], list[ContainerStatus]]:
    """Nothing of a terminated pod runs: containers without an end are given one (upstream: TerminatePod)."""
    started = [index for index, status in enumerate(init) if status.state.waiting is None]
    reached = started[-1] + 1 if started else 0
    ended_init = [_ended(status) for status in init[:reached]] + init[reached:]
    return ended_init, [_ended(status) for status in own] if _was_initialized(pod, init, own) else own


def _was_initialized(pod: Pod, init: list[ContainerStatus], own: list[ContainerStatus]) -> bool:
    """Whether the pod's own containers had their turn (upstream: hasPodInitialized)."""
    if any(status.state.waiting is None or status.last_state.terminated is not None for status in own) or not init:
        return True
    last = init[-1]
    if _sidecar(pod.spec.init_containers[-1]):
        return bool(last.started and last.state.running is not None)
    ends = (last.state.terminated, last.last_state.terminated)
    return any(end is not None and end.exit_code == 0 for end in ends)


def _ended(status: ContainerStatus) -> ContainerStatus:
    if status.state.terminated is not None:
        return status
    if status.state.waiting is not None and status.last_state.terminated is not None:
        return _replace_state(status, status.last_state)
    return _replace_state(status, ContainerState(terminated=LOST))


def _replace_state(status: ContainerStatus, state: ContainerState) -> ContainerStatus:
    return replace(status, state=state, ready=False, started=False)
