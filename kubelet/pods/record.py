"""What a worker knows of its pod: the object, the runtime's side, what is going on, what went wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from api.types import Pod, ResourceRequirements
from kubelet.containers.backoff import BackOff
from kubelet.pods import restart_all
from kubelet.pods.actions import StopCause
from kubelet.pods.resize import Pending, allocation_of, with_allocation
from kubelet.pods.start import Waiting
from kubelet.pods.view import Run, Stop, View, grace_seconds
from kubelet.runtime.base import ContainerState, SandboxStatus


@dataclass(slots=True)
class PodRecord:
    """Changed only by the pod's worker and its executor, always on the event loop.

    pod: the object, its spec showing the resources the node has allocated; desired: as the API server has it.
    pre_stopped: ids of containers whose preStop hook has been run.
    restarting: names of containers stopped to run again that do not yet.
    resize_pending, resize_error: why a wish for other resources is not granted, or not carried out.
    gone: the object is no longer in the API server. aborted: set when the pod begins to end.
    """

    pod: Pod
    runs: dict[str, list[Run]] = field(default_factory=dict)
    sandboxes: list[SandboxStatus] = field(default_factory=list)
    backoff: BackOff = field(default_factory=BackOff)
    start_time: float | None = None
    stop: Stop | None = None
    gone: bool = False
    volumes_ready: bool = False
    released: bool = False
    removed: bool = False
    busy: Counter[str] = field(default_factory=Counter)
    stopping: dict[str, float] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    problems: dict[str, Waiting] = field(default_factory=dict)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    allocation: dict[str, ResourceRequirements] = field(default_factory=dict)
    desired: Pod = field(init=False)
    resize_pending: Pending | None = None
    resize_error: str = ""
    pre_stopped: set[str] = field(default_factory=set)
    restarting: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.allocation = self.allocation or allocation_of(self.pod)
        self.take(self.pod)

    def take(self, pod: Pod) -> None:
        """Take over the object as the API server has it."""
        self.desired = pod
        self.pod = with_allocation(pod, self.allocation)

    def allocate(self) -> None:
        """Grant the pod the resources it asks for."""
        self.allocation = allocation_of(self.desired)
        self.pod = self.desired
        self.resize_pending = None

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def sandbox(self) -> SandboxStatus | None:
        """The newest sandbox."""
        return self.sandboxes[-1] if self.sandboxes else None

    @property
    def pod_ip(self) -> str:
        sandbox = self.sandbox
        return sandbox.ip if sandbox is not None else ""

    @property
    def pod_ips(self) -> list[str]:
        sandbox = self.sandbox
        return sandbox.ips if sandbox is not None else []

    @property
    def deleted(self) -> bool:
        return self.gone or self.pod.metadata.deletion_timestamp is not None

    def find_run(self, container_id: str) -> Run | None:
        return next((run for runs in self.runs.values() for run in runs if run.id == container_id), None)

    def observe(self, run: Run) -> None:
        """Take over the runtime's word on a container; what has ended stays so, in whatever order the news comes."""
        runs = self.runs.setdefault(run.spec.name, [])
        for index, known in enumerate(runs):
            if known.id == run.id:
                if known.state is not ContainerState.EXITED or run.state is ContainerState.EXITED:
                    runs[index] = run
                return
        runs.append(run)

    def forget_run(self, container_id: str) -> None:
        for name, runs in self.runs.items():
            self.runs[name] = [run for run in runs if run.id != container_id]

    def observe_sandbox(self, sandbox: SandboxStatus) -> None:
        self.sandboxes = [known for known in self.sandboxes if known.id != sandbox.id] + [sandbox]

    def end(self, stop: Stop) -> None:
        """The pod is to end, or to end sooner than was thought; the first reason stays."""
        before = self.stop
        if before is None:
            self.stop = stop
        elif stop.deadline < before.deadline:
            self.stop = replace(before, deadline=stop.deadline)
        self.aborted.set()

    def end_deleted(self, now: float) -> None:
        """The object is being deleted or gone: its grace begins."""
        self.end(Stop(now + grace_seconds(self.pod)))

    def view(self, now: float, started: set[str], unhealthy: Mapping[str, StopCause]) -> View:
        """Everything a decision depends on, at a moment."""
        return View(
            pod=self.pod,
            now=now,
            sandbox=self.sandbox,
            sandbox_attempt=self.sandboxes[-1].spec.attempt + 1 if self.sandboxes else 0,
            runs=self.runs,
            volumes_ready=self.volumes_ready,
            released=self.released,
            removed=self.removed,
            deleted=self.deleted,
            stop=self.stop,
            start_time=self.start_time,
            busy=frozenset(key for key, count in self.busy.items() if count),
            stopping=self.stopping,
            retry_at=self.retry_at,
            started=frozenset(started),
            pre_stopped=frozenset(self.pre_stopped),
            restarting=frozenset(self.restarting),
            unhealthy=unhealthy,
            backoff=self.backoff,
            void=restart_all.void(self.pod, self.runs),
        )
