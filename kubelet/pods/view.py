"""Everything a decision about a pod depends on, gathered into one value.

Runs are the runtime's container records, oldest first, each name's last one being the current. A run the runtime has
lost but the API server knows of stands in as an ended one (`history`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.types import Container, EphemeralContainer, Pod
from kubelet.containers.backoff import BackOff
from kubelet.containers.resources import is_sidecar
from kubelet.pods.actions import StopCause
from kubelet.runtime.base import ContainerState, ContainerStatus, SandboxState, SandboxStatus

Run = ContainerStatus
AnyContainer = Container | EphemeralContainer

NANOSECONDS = 1_000_000_000
DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Stop:
    """The pod is to end: containers are killed at `deadline` (seconds since the epoch).

    reason, message: of the pod's status, when the node itself ended it; its phase is Failed then.
    disruption: message of the DisruptionTarget condition, when the pod could have gone on but for the node.
    """

    deadline: float
    reason: str = ""
    message: str = ""
    disruption: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A pod as desired and as observed, at a moment (`now`, seconds since the epoch).

    deleted: the object is being deleted or gone. busy: keys of actions being carried out.
    stopping: deadline by name of containers being stopped. retry_at: when a failed action may be tried again.
    pre_stopped: ids of containers whose preStop hook has been run.
    restarting: names of containers stopped to run again that do not yet.
    started: ids of running containers whose startup probe is satisfied. unhealthy: ids whose probe wants them dead.
    void: ids of runs from before all containers were to begin anew (`restart_all`).
    """

    pod: Pod
    now: float
    sandbox: SandboxStatus | None = None
    sandbox_attempt: int = 0
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    volumes_ready: bool = False
    released: bool = False
    removed: bool = False
    deleted: bool = False
    stop: Stop | None = None
    start_time: float | None = None
    busy: frozenset[str] = frozenset()
    stopping: Mapping[str, float] = field(default_factory=dict)
    retry_at: Mapping[str, float] = field(default_factory=dict)
    started: frozenset[str] = frozenset()
    pre_stopped: frozenset[str] = frozenset()
    restarting: frozenset[str] = frozenset()
    unhealthy: Mapping[str, StopCause] = field(default_factory=dict)
    backoff: BackOff = field(default_factory=BackOff)
    void: frozenset[str] = frozenset()

    def current(self, name: str) -> Run | None:
        """The container's last run."""
        runs = self.runs.get(name)
        return runs[-1] if runs else None

    def in_sandbox(self, name: str) -> Run | None:
        """The container's last run, if it is of the present sandbox and counts."""
        run = self.current(name)
        if run is None or self.sandbox is None or run.id in self.void:
            return None
        return run if run.sandbox_id == self.sandbox.id else None

    def last_runs(self) -> list[Run]:
        """The last runs of init and regular containers, of those that have run."""
        containers = (*self.pod.spec.init_containers, *self.pod.spec.containers)
        return [run for container in containers if (run := self.current(container.name)) is not None]

    def void_runs(self) -> list[Run]:
        """The last runs of containers that have not begun anew yet though all are to."""
        return [run for run in self.last_runs() if run.id in self.void] if self.void else []

    @property
    def sandbox_ready(self) -> bool:
        sandbox = self.sandbox
        return (
            sandbox is not None
            and sandbox.state is SandboxState.READY
            and bool(sandbox.ip or sandbox.spec.host_network or sandbox.spec.no_network)
        )

    def running(self, containers: Iterable[AnyContainer]) -> list[Run]:
        """The current runs that have a process."""
        runs = (self.current(container.name) for container in containers)
        return [run for run in runs if run is not None and run.state is ContainerState.RUNNING]

    def initialized(self) -> bool:
        """Whether the pod's own containers have begun in this sandbox: its init containers are past."""
        return any(self.in_sandbox(container.name) is not None for container in self.pod.spec.containers)


def all_containers(pod: Pod) -> list[AnyContainer]:
    """Init, regular and ephemeral containers, in order of start."""
    return [*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers]


def find_container(pod: Pod, name: str) -> AnyContainer | None:
    return next((container for container in all_containers(pod) if container.name == name), None)


def sidecars(pod: Pod) -> list[Container]:
    return [container for container in pod.spec.init_containers if is_sidecar(container)]


def grace_seconds(pod: Pod) -> float:
    """How long the pod's containers may take to end, by the request to delete it or by its spec."""
    grace = pod.metadata.deletion_grace_period_seconds
    if grace is None:
        grace = pod.spec.termination_grace_period_seconds
    return float(DEFAULT_GRACE_SECONDS if grace is None else max(grace, 0))


def ended_at(run: Run) -> float:
    """When a run ended, in seconds since the epoch."""
    return run.finished_at / NANOSECONDS
