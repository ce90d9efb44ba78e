"""One worker per pod: look, decide, have it carried out, tell. Wakes when something happened or a time has come."""

from __future__ import annotations

import asyncio
import time

from api import timestamps
from api.types import Container, Pod, PodStatus
from cluster.cgroups import CgroupFailure
from cluster.logs import get_logger
from kubelet.containers.problem import Problem
from kubelet.containers.security import pod_text
from kubelet.metrics import pods as metrics
from kubelet.metrics import probes as probe_metrics
from kubelet.pods import actions, phase, resize
from kubelet.pods.actions import Action, StartContainer, StopContainer
from kubelet.pods.decide import Decision, decide
from kubelet.pods.record import PodRecord
from kubelet.pods.resizer import RETRY_SECONDS, Assess, Resizer
from kubelet.pods.services import PodServices
from kubelet.pods.start import CRASH_LOOP, Waiting
from kubelet.pods.state import PodState, StateMachine
from kubelet.pods.status import Report, status_of
from kubelet.pods.status_writer import StatusWriter, merged
from kubelet.pods.view import NANOSECONDS, Run, Stop, View, find_container, sidecars
from kubelet.probes.prober import Probed
from kubelet.runtime.base import ContainerState, RuntimeFailure
from kubelet.volumes.pod_volumes import MountFailure

FIRST_RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 10.0
CRASH_RETRY_SECONDS = 10.0

log = get_logger()


class PodWorker:
    """The pod's life on this node.

    assess: whether the node can grant the pod other resources than it has.
    silent: the status is someone else's word already (a pod that had ended, was refused, or has no object any more).
    ready_before: ids of containers an earlier kubelet found ready.
    """

    def __init__(
        self,
        record: PodRecord,
        services: PodServices,
        writer: StatusWriter,
        runtime_name: str,
        assess: Assess,
        *,
        ready_before: frozenset[str] = frozenset(),
        silent: bool = False,
    ) -> None:
        self.record = record
        self._services = services
        self._writer = writer
        self._runtime_name = runtime_name
        self._ready_before = ready_before
        self._silent = silent
        self._machine = StateMachine()
        self._awake = asyncio.Event()
        self._executor = services.executor(record, self.wake)
        self._resizer = Resizer(record, services.paths, assess, self._executor.announce)
        self._prober = services.prober(self._labels(), self._announce_probe, self.wake)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed: list[asyncio.Event] = []
        self._announced: dict[str, str] = {}
        self._status = record.pod.status
        self._seen_at = time.time()
        if record.start_time is None:
            record.start_time = timestamps.parse_or(record.pod.status.start_time, time.time())
        if record.deleted:
            record.end_deleted(time.time())

    @property
    def state(self) -> PodState:
        return self._machine.state

    @property
    def active(self) -> bool:
        """Whether the pod still counts against the node's resources.

        One whose object is gone does not: the API server has given its place away (as upstream's kubelet).
        """
        ended = self.state is PodState.TERMINATED or self._status.phase in phase.TERMINAL
        return not ended and not self.record.gone

    @property
    def status(self) -> PodStatus:
        """The status told last."""
        return self._status

    def wake(self) -> None:
        """Look again soon."""
        self._awake.set()

    def update(self, pod: Pod) -> None:
        """The object changed."""
        record, before = self.record, self.record.pod
        record.take(pod)
        self._executor.volumes.pod_changed(record.pod)
        if pod.metadata.deletion_timestamp is not None and (
            before.metadata.deletion_timestamp != pod.metadata.deletion_timestamp or record.stop is None
        ):
            record.end_deleted(time.time())
        self.wake()

    def object_gone(self) -> None:
        """The object is no longer in the API server."""
        self.record.gone = True
        self.record.end_deleted(time.time())
        self._executor.volumes.stop_following()
        self.wake()

    def end(self, stop: Stop, event: tuple[str, str, str]) -> None:
        """The node ends the pod; `event`: type, reason and message."""
        if self.record.stop is None:
            self._executor.announce(*event)
            self._prober.stop_judging()
        self.record.end(stop)
        self.wake()

    def container_ended(self, run: Run) -> None:
        """The runtime told of a container's end."""
        self._executor.observe(run)
        for changed in self._changed:
            changed.set()

    async def wait_ended(self, container_id: str) -> None:
        """Return once a container has ended."""
        changed = asyncio.Event()
        self._changed.append(changed)
        try:
            while (run := self.record.find_run(container_id)) is not None and run.state is ContainerState.RUNNING:
                changed.clear()
                await changed.wait()
        finally:
            self._changed.remove(changed)

    async def run(self) -> None:
        """Live until nothing is left of the pod here and its object is gone."""
        try:
            while not (self.record.removed and self.record.gone):
                self._awake.clear()
                try:
                    wake_at = self._step()
                except Exception:
                    log.exception("a pod's worker crashed", pod=pod_text(self.record.pod))
                    wake_at = time.time() + CRASH_RETRY_SECONDS
                await self._sleep(wake_at)
            probe_metrics.forget(self._labels())
        finally:
            await self._close()

    async def _sleep(self, wake_at: float | None) -> None:
        timer = None
        if wake_at is not None:
            delay = max(wake_at - time.time(), 0.0)
            timer = asyncio.get_running_loop().call_later(delay, self._awake.set)
        try:
            await self._awake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _close(self) -> None:
        """Let go of everything that runs in this process; the pod's containers run on."""
        await self._prober.close()
        await self._executor.volumes.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _step(self) -> float | None:
        """Decide until the state is settled, start what was decided, tell; when to look again."""
        before = self.record.pod
        deferred = self._resizer.consider(ended=self.record.stop is not None)
        if self.record.pod is not before:
            self._executor.volumes.pod_changed(self.record.pod)
        while True:
            view = self._view()
            decision = decide(self._machine.state, view)
            moved = self._machine.move(decision.state)
            if moved:
                log.info("pod " + decision.state.value, pod=pod_text(self.record.pod))
            if decision.stop is not None:
                if self.record.stop is None and decision.stop.reason:
                    self._executor.announce("Normal", decision.stop.reason, decision.stop.message)
                self.record.end(decision.stop)
                self._prober.stop_judging()
            for action in decision.actions:
                self._launch(action)
            if not moved:
                break
        self._follow_probes()
        self._tell_of_backoff(decision)
        self._report(decision)
        if deferred:
            again = time.time() + RETRY_SECONDS
            return again if decision.wake_at is None else min(again, decision.wake_at)
        return decision.wake_at

    def _view(self) -> View:
        return self.record.view(time.time(), self._prober.started, self._prober.unhealthy)

    def _launch(self, action: Action) -> None:
        self.record.busy[action.key] += 1
        if isinstance(action, StopContainer):
            self.record.stopping[action.name] = action.deadline
            if action.restarts:
                self.record.restarting.add(action.name)
        name = f"{action.key} {self.record.pod.metadata.name}"
        task = asyncio.create_task(self._carry_out(action), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, action: Action) -> None:
        record, key = self.record, action.key
        try:
            await self._executor.carry_out(action)
        except Problem as problem:
            if isinstance(action, StartContainer):
                record.problems[action.name] = Waiting(problem.reason, problem.message)
            if problem.retry_seconds is not None:
                record.retry_at[key] = time.time() + problem.retry_seconds
        except (MountFailure, RuntimeFailure, CgroupFailure, OSError) as error:
            self._retry_later(key, error)
        except Exception:
            log.exception("an action on a pod crashed", pod=pod_text(record.pod), action=key)
            record.retry_at[key] = time.time() + CRASH_RETRY_SECONDS
        else:
            record.failures.pop(key, None)
            record.retry_at.pop(key, None)
        finally:
            record.busy[key] -= 1
            if not record.busy[key]:
                del record.busy[key]
                if isinstance(action, StopContainer):
                    record.stopping.pop(action.name, None)
                elif isinstance(action, StartContainer):
                    record.restarting.discard(action.name)
            self.wake()

    def _retry_later(self, key: str, error: Exception) -> None:
        record = self.record
        delay = min(FIRST_RETRY_SECONDS * 2 ** record.failures[key], MAX_RETRY_SECONDS)
        record.failures[key] = min(record.failures[key] + 1, 16)
        record.retry_at[key] = time.time() + delay
        log.warning("an action on a pod failed", pod=pod_text(record.pod), action=key, reason=str(error), retry=delay)

    def _follow_probes(self) -> None:
        record = self.record
        probed = []
        for container in (*sidecars(record.pod), *record.pod.spec.containers):
            runs = record.runs.get(container.name)
            if not runs or actions.start_key(container.name) in record.busy:
                continue
            run = runs[-1]
            if run.state is ContainerState.RUNNING:
                started_at = run.started_at / NANOSECONDS
                probed.append(Probed(container, run.id, started_at, run.id in self._ready_before))
        before = len(self._prober.started)
        self._prober.follow(probed, record.pod_ip or self._services.node_ip)
        if len(self._prober.started) > before:
            # A sidecar that has started lets the next container begin.
            self.wake()

    def _tell_of_backoff(self, decision: Decision) -> None:
        """One BackOff event for each end that is waited out."""
        for name, waiting in decision.waiting.items():
            run = self.record.runs[name][-1]
            if waiting.reason == CRASH_LOOP and self._announced.get(name) != run.id:
                self._announced[name] = run.id
                text = f"Back-off restarting failed container {name} in pod {pod_text(self.record.pod)}"
                self._executor.announce("Warning", "BackOff", text, find_container(self.record.pod, name))

    def _report(self, decision: Decision) -> None:
        record = self.record
        if not self._silent:
            status = self._compute(decision)
            # The second: somebody else has written what is ours (the node controller, when it heard nothing of us).
            if status != self._status or merged(record.pod.status, status) != record.pod.status:
                self._note_start(status)
                self._status = status
                self._writer.set(record.pod, status, lazy=self._may_wait(status))
        if self.state is PodState.TERMINATED and record.pod.metadata.deletion_timestamp and not record.gone:
            self._writer.finish(record.pod)

    def _compute(self, decision: Decision) -> PodStatus:
        view = self._view()
        self._resizer.follow(resize.in_progress(view))
        report = Report(
            view=view,
            state=self.state,
            node_ip=self._services.node_ip,
            runtime_name=self._runtime_name,
            previous=self._status,
            waiting={**decision.waiting, **self.record.problems},
            ready=frozenset(self._prober.ready),
            resize_pending=self.record.resize_pending,
            resize_error=self.record.resize_error,
            second_node_ip=self._services.second_node_ip,
        )
        return status_of(report)

    def _may_wait(self, status: PodStatus) -> bool:
        """Whether nobody misses this status if a better one comes in a moment."""
        record = self.record
        soon = status.phase == phase.Pending or bool(record.restarting)
        return soon and record.stop is None and not record.problems and not record.retry_at

    def _note_start(self, status: PodStatus) -> None:
        created = self.record.pod.metadata.creation_timestamp
        if status.phase == phase.Running and self._status.phase in ("", phase.Pending) and created:
            now = time.time()
            metrics.start_seconds.observe(now - self._seen_at)
            metrics.start_sli_seconds.observe(max(now - timestamps.parse(created), 0.0))

    def _announce_probe(self, container: Container, type: str, reason: str, message: str) -> None:
        self._executor.announce(type, reason, message, container)

    def _labels(self) -> tuple[str, str, str]:
        metadata = self.record.pod.metadata
        return metadata.name, metadata.namespace, metadata.uid
