"""The pods of this node: from the API server's objects and the runtime's records to one worker each."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from api.types import Container, ObjectMeta, Pod, PodSpec
from cluster.logs import get_logger
from kubelet.logs.rotate import LiveLog
from kubelet.metrics import pods as metrics
from kubelet.pods import phase, resizer
from kubelet.pods.admission import NodeFacts, admit, displaced
from kubelet.pods.executor import GRACE_ANNOTATION
from kubelet.pods.history import ready_before, runs_of
from kubelet.pods.record import PodRecord
from kubelet.pods.resize import Pending, Wish, assess_in_turn
from kubelet.pods.services import PodServices, PodSource
from kubelet.pods.static import is_static
from kubelet.pods.status import rejected
from kubelet.pods.status_writer import StatusWriter
from kubelet.pods.view import Stop, grace_seconds
from kubelet.pods.worker import PodWorker
from kubelet.runtime.base import ContainerState, ContainerStatus, NotFound, SandboxState, SandboxStatus

PREEMPTING = "Preempting"
PREEMPTED = "Preempted in order to admit critical pod"

log = get_logger()


class Inventory:
    """What the runtime has, by pod uid, at the start of the kubelet."""

    def __init__(self, sandboxes: Iterable[SandboxStatus], containers: Iterable[ContainerStatus]) -> None:
        self._sandboxes: dict[str, list[SandboxStatus]] = defaultdict(list)
        self._containers: dict[str, list[ContainerStatus]] = defaultdict(list)
        for sandbox in sandboxes:
            self._sandboxes[sandbox.spec.pod_uid].append(sandbox)
        for container in containers:
            self._containers[container.pod_uid].append(container)

    def uids(self) -> set[str]:
        return {*self._sandboxes, *self._containers}

    def sandboxes(self, uid: str) -> list[SandboxStatus]:
        return sorted(self._sandboxes.get(uid, ()), key=lambda sandbox: sandbox.spec.attempt)

    def containers(self, uid: str) -> list[ContainerStatus]:
        return self._containers.get(uid, [])


class Pods:
    """Workers by pod uid.

    node: what admission needs to know of the node, at the time of asking.
    """

    def __init__(
        self,
        services: PodServices,
        writer: StatusWriter,
        informer: PodSource,
        node: Callable[[], NodeFacts],
        runtime_name: str,
    ) -> None:
        self._services = services
        self._writer = writer
        self._informer = informer
        self._node = node
        self._runtime_name = runtime_name
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._inventory = Inventory((), ())
        self._adopted = False
        # Static pods whose manifest changed: by namespace and name, until the pod before has ended.
        self._successors: dict[tuple[str, str], Pod] = {}

    async def run(self) -> None:
        """Take over what runs already, then follow objects and containers until cancelled."""
        runtime = self._services.runtime
        self._inventory = Inventory(await runtime.list_sandboxes(), await runtime.list_containers())
        self._informer.add_handler(self._pod_changed)
        # Static pods do not wait for the API server.
        for pod in filter(is_static, self._informer.items()):
            self._begin(pod)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_containers(), name="container-events")
                await self._informer.synced.wait()
                await self._adopt()
        finally:
            await self._close()

    async def _follow_containers(self) -> None:
        async for event in self._services.runtime.events():
            await self._container_ended(event.container_id, event.pod_uid)

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of the pod of this name: of the living one, when one is only ending."""
        found = None
        for worker in self._workers.values():
            metadata = worker.record.pod.metadata
            if (metadata.namespace, metadata.name) == (namespace, name):
                found = worker if found is None or found.record.gone else found
        return found

    def workers(self) -> Sequence[PodWorker]:
        return list(self._workers.values())

    @property
    def adopted(self) -> bool:
        """Whether everything that ran before has its worker."""
        return self._adopted

    def live_logs(self) -> list[LiveLog]:
        """The logs of running containers."""
        return [
            LiveLog(run.id, Path(run.spec.log_path))
            for worker in self._workers.values()
            for runs in worker.record.runs.values()
            for run in runs
            if run.state is ContainerState.RUNNING and run.spec.log_path
        ]

    def export_gauges(self) -> None:
        """Have the gauges count pods and containers whenever they are read."""
        metrics.running_pods.set_function(self._count_sandboxes)
        for state in ContainerState:
            name = state.name.lower()
            metrics.running_containers.labels(name).set_function(partial(self._count_containers, state))

    def _count_sandboxes(self) -> int:
        records = (worker.record for worker in self._workers.values())
        sandboxes = (record.sandbox for record in records if not record.released)
        return sum(sandbox is not None and sandbox.state is SandboxState.READY for sandbox in sandboxes)

    def _count_containers(self, state: ContainerState) -> int:
        runs = (run for worker in self._workers.values() for known in worker.record.runs.values() for run in known)
        return sum(run.state is state for run in runs)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if not self._adopted:
            return
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            worker = self._workers.get(old.metadata.uid)
            if worker is not None:
                worker.object_gone()
            self._writer.forget(old.metadata.uid)
            self._successors.pop(_name(old), None)
        if new is None:
            return
        worker = self._workers.get(new.metadata.uid)
        if worker is not None:
            worker.update(new)
        else:
            self._begin_in_turn(new)

    def _begin_in_turn(self, pod: Pod) -> None:
        """Begin a pod; a static one whose manifest has changed once the pod before has ended."""
        if is_static(pod) and self.find(*_name(pod)) is not None:
            self._successors[_name(pod)] = pod
        else:
            self._begin(pod)

    async def _adopt(self) -> None:
        """Give each pod its worker, oldest first; end what has no object any more; clear away what nobody knows."""
        present = {pod.metadata.uid: pod for pod in self._informer.items()}
        for uid, worker in self._workers.items():
            if uid not in present:
                worker.object_gone()
        for pod in sorted(present.values(), key=lambda pod: pod.metadata.creation_timestamp or ""):
            if pod.metadata.uid not in self._workers:
                self._begin_in_turn(pod)
        for uid in self._inventory.uids() - self._workers.keys():
            self._begin_orphan(uid)
        known = set(self._workers)
        self._inventory = Inventory((), ())
        self._adopted = True
        await self._services.remove_leftovers(known)

    def _begin(self, pod: Pod) -> None:
        uid, now = pod.metadata.uid, time.time()
        sandboxes, containers = self._inventory.sandboxes(uid), self._inventory.containers(uid)
        over = pod.status.phase in phase.TERMINAL
        allocation = resizer.load(self._services.paths, uid) if sandboxes or containers else {}
        record = PodRecord(pod, runs=runs_of(pod, containers, now), sandboxes=sandboxes, allocation=allocation)
        if sandboxes or record.runs:
            self._services.cgroups.adopt(record.pod)
        elif not over and pod.metadata.deletion_timestamp is None and self._refuse(pod, now):
            over = True
        if over:
            record.end_deleted(now)
        ready = frozenset(id for id, was_ready in ready_before(pod).items() if was_ready)
        self._spawn(record, silent=over, ready=ready)

    def _assess(self, pod: Pod) -> Pending | None:
        """What stands against giving a pod of this node the resources it asks for now. None: it is given them."""
        records = {worker.record.uid: worker.record for worker in self._workers.values() if worker.active}
        held = {uid: record.pod for uid, record in records.items()}
        own = records.pop(pod.metadata.uid, None)
        waits = own.resize_pending if own is not None else None
        deferred = [Wish(r.desired, r.resize_pending.since) for r in records.values() if r.resize_pending is not None]
        wish = Wish(pod, waits.since if waits is not None else math.inf)
        found = assess_in_turn(wish, deferred, held, self._node().allocatable)
        if found is None:
            self._wake_deferred()  # it may be less than the pod had
        return found

    def _refuse(self, pod: Pod, now: float) -> bool:
        """Whether the node will not run the pod; its status says so then."""
        others = {id(worker.record.pod): worker for worker in self._workers.values() if worker.active}
        pods, node = [worker.record.pod for worker in others.values()], self._node()
        rejection = admit(pod, pods, node)
        victims = displaced(pod, pods, node) if rejection is not None else []
        for victim in victims:
            others[id(victim)].end(_preemption(victim, now), ("Warning", PREEMPTING, PREEMPTED))
        if rejection is None or victims:
            return False
        log.info("refused a pod", pod=f"{pod.metadata.namespace}/{pod.metadata.name}", reason=rejection.reason)
        self._services.recorder.record(pod, "Warning", rejection.reason, rejection.message)
        self._writer.set(pod, rejected(pod, rejection.reason, rejection.message, now))
        return True

    def _begin_orphan(self, uid: str) -> None:
        """End a pod whose object was deleted while no kubelet ran."""
        sandboxes, containers = self._inventory.sandboxes(uid), self._inventory.containers(uid)
        pod = _pod_of_records(uid, sandboxes, containers)
        log.info("ending a pod that has no object any more", pod=f"{pod.metadata.namespace}/{pod.metadata.name}")
        record = PodRecord(pod, runs=runs_of(pod, containers, time.time()), sandboxes=sandboxes, gone=True)
        self._spawn(record, silent=True, ready=frozenset())

    def _spawn(self, record: PodRecord, *, silent: bool, ready: frozenset[str]) -> None:
        worker = PodWorker(
            record,
            self._services,
            self._writer,
            self._runtime_name,
            self._assess,
            ready_before=ready,
            silent=silent,
        )
        uid = record.uid
        self._workers[uid] = worker
        task = asyncio.create_task(worker.run(), name=f"pod-{record.pod.metadata.name}")
        self._tasks[uid] = task
        task.add_done_callback(lambda task: self._worker_ended(uid, task))

    def _worker_ended(self, uid: str, task: asyncio.Task[None]) -> None:
        ended = self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        self._writer.forget(uid)
        self._wake_deferred()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a pod's worker failed", uid=uid, reason=repr(error))
        successor = self._successors.pop(_name(ended.record.pod), None) if ended is not None else None
        if successor is not None and not task.cancelled():
            self._begin(successor)

    def _wake_deferred(self) -> None:
        """There is room again for pods that wait for more resources."""
        for worker in self._workers.values():
            if worker.record.resize_pending is not None:
                worker.wake()

    async def _container_ended(self, container_id: str, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is None:
            return
        try:
            worker.container_ended(await self._services.runtime.container_status(container_id))
        except NotFound:
            return  # removed meanwhile, by us

    async def _close(self) -> None:
        """Stop the workers; their pods run on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _preemption(victim: Pod, now: float) -> Stop:
    text = "Pod was preempted by Kubelet to accommodate a critical pod"
    return Stop(now + grace_seconds(victim), PREEMPTING, PREEMPTED, disruption=text)


def _name(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace, pod.metadata.name


def _pod_of_records(uid: str, sandboxes: Sequence[SandboxStatus], containers: Sequence[ContainerStatus]) -> Pod:
    """As much of a lost object as its runtime records tell: names, containers, grace."""
    names = list(dict.fromkeys(container.spec.name for container in containers))
    pod = Pod(
        metadata=ObjectMeta(name=uid, uid=uid),
        spec=PodSpec(containers=[Container(name=name) for name in names]),
    )
    if not sandboxes:
        return pod
    spec = sandboxes[-1].spec
    grace = int(spec.annotations.get(GRACE_ANNOTATION, "30"))
    metadata = ObjectMeta(name=spec.pod_name, namespace=spec.pod_namespace, uid=uid)
    return replace(pod, metadata=metadata, spec=replace(pod.spec, termination_grace_period_seconds=grace))
