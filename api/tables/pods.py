"""How pods are shown. The status cell is a summary of phase, conditions and all container states."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import age, or_none, since
from api.types import Container, ContainerStateTerminated, ContainerStatus, Pod

_COMPLETED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the containers' states amount to. `restarted_at` is the latest restart's time, "" if there was none."""

    status: str
    ready: int
    total: int
    restarts: int
    restarted_at: str


def summarize(pod: Pod) -> Summary:
    """The pod's state in one word, as `kubectl get pods` shows it, and its counts."""
    restartable = {container.name for container in pod.spec.init_containers if _is_restartable(container)}
    total = len(pod.spec.containers) + len(restartable)
    status, ready, initializing = _init_status(pod, _base_status(pod), restartable)
    counted = _up_to_current(pod.status.init_container_statuses, restartable)
    if not initializing or _condition(pod, "Initialized"):
        status, ready_main = _main_status(pod, status)
        ready += ready_main
        counted = [item for item in counted if item.name in restartable] + pod.status.container_statuses
    if pod.metadata.deletion_timestamp:
        if pod.status.reason == "NodeLost":
            status = "Unknown"
        elif pod.status.phase not in _COMPLETED:
            status = "Terminating"
    restarted = [
        item.last_state.terminated.finished_at or "" for item in counted if item.last_state.terminated is not None
    ]
    return Summary(status, ready, total, sum(item.restart_count for item in counted), max(restarted, default=""))


def _base_status(pod: Pod) -> str:
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            return "SchedulingGated"
    return pod.status.reason or pod.status.phase


def _is_restartable(container: Container) -> bool:
    return container.restart_policy == "Always"


def _succeeded(item: ContainerStatus) -> bool:
    return item.state.terminated is not None and item.state.terminated.exit_code == 0


def _is_past(item: ContainerStatus, restartable: Iterable[str]) -> bool:
    """Whether an init container no longer holds up the next one."""
    return _succeeded(item) or (item.name in restartable and bool(item.started))


def _init_status(pod: Pod, status: str, restartable: Iterable[str]) -> tuple[str, int, bool]:
    """Status, number of ready sidecars, and whether an init container still runs or fails."""
    ready = 0
    for place, item in enumerate(pod.status.init_container_statuses):
        if _is_past(item, restartable):
            ready += item.ready and not _succeeded(item)
            continue
        waiting = item.state.waiting
        if item.state.terminated is not None:
            status = "Init:" + _ending(item.state.terminated)
        elif waiting is not None and waiting.reason not in ("", "PodInitializing"):
            status = "Init:" + waiting.reason
        else:
            status = f"Init:{place}/{len(pod.spec.init_containers)}"
        return status, ready, True
    return status, ready, False


def _up_to_current(statuses: list[ContainerStatus], restartable: Iterable[str]) -> list[ContainerStatus]:
    """The init containers up to the one that holds up the pod: later ones cannot have restarted yet."""
    for place, item in enumerate(statuses):
        if not _is_past(item, restartable):
            return statuses[: place + 1]
    return statuses


def _main_status(pod: Pod, status: str) -> tuple[str, int]:
    """Status by the main containers, the first one's word counting most, and how many are ready."""
    ready, running, failure = 0, False, ""
    for item in reversed(pod.status.container_statuses):
        state = item.state
        if state.waiting is not None and state.waiting.reason:
            status = state.waiting.reason
        elif state.terminated is not None:
            status = _ending(state.terminated)
            if state.terminated.exit_code != 0:
                failure = status
        elif item.ready and state.running is not None:
            running = True
            ready += 1
    if status != "Completed":
        return status, ready
    if running and _condition(pod, "Ready"):
        return "Running", ready
    if failure:
        return failure, ready
    return ("NotReady" if running else status), ready


def _ending(state: ContainerStateTerminated) -> str:
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}"


def _condition(pod: Pod, condition_type: str) -> bool:
    return any(item.type == condition_type and item.status == "True" for item in pod.status.conditions)


def _restarts(summary: Summary, now: float) -> str:
    if summary.restarts and summary.restarted_at:
        return f"{summary.restarts} ({since(summary.restarted_at, now)} ago)"
    return str(summary.restarts)


def _gates(pod: Pod) -> str:
    gates = pod.spec.readiness_gates
    if not gates:
        return or_none("")
    return f"{sum(_condition(pod, gate.condition_type) for gate in gates)}/{len(gates)}"


def _cells(pod: Pod, now: float) -> list[Cell]:
    summary = summarize(pod)
    return [
        pod.metadata.name,
        f"{summary.ready}/{summary.total}",
        summary.status,
        _restarts(summary, now),
        age(pod.metadata, now),
        or_none(pod.status.pod_ips[0].ip if pod.status.pod_ips else ""),
        or_none(pod.spec.node_name),
        or_none(pod.status.nominated_node_name),
        _gates(pod),
    ]


def _conditions(pod: Pod) -> list[dict[str, str]]:
    message = _COMPLETED.get(pod.status.phase)
    if message is None:
        return []
    return [{"type": "Completed", "status": "True", "reason": pod.status.phase, "message": message}]


PODS = Layout(
    columns=(
        NAME,
        Column("Ready", "Ready containers out of all that have to be ready."),
        Column("Status", "The state of the pod's containers in one word."),
        Column("Restarts", "How often containers have been restarted, and when last."),
        AGE,
        wide("IP", "The pod's first IP address."),
        wide("Node", "The node the pod is bound to."),
        wide("Nominated Node", "The node on which other pods make room for this one."),
        wide("Readiness Gates", "Conditions beside the containers' that are met, out of all required ones."),
    ),
    cells=_cells,
    conditions=_conditions,
)
