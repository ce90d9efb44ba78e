"""What the scheduler does to the world: it watches, binds, and says why a pod waits.

Neighbour: `scheduler.core` decides; nothing here does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from api import timestamps
from api.errors import NotFound, StatusError
from api.types import (
    Binding,
    Namespace,
    Node,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodCondition,
    ReplicaSet,
    Service,
)
from api.types.record import Record
from cluster.client import Client, PatchKind
from cluster.events import NORMAL, WARNING, EventRecorder
from cluster.informer import Handler, Informer
from cluster.logs import get_logger
from scheduler import metrics
from scheduler.core import Core
from scheduler.cycle import Chosen, Unschedulable
from scheduler.queue import Place, QueuedPod

MAX_BINDINGS_IN_FLIGHT = 512
# How long to decide before letting the loop send what was decided.
SLICE_SECONDS = 0.005
UNSCHEDULABLE = "Unschedulable"
LIVING_PODS = "status.phase!=Succeeded,status.phase!=Failed"

T = TypeVar("T", bound=Record)

log = get_logger()


class Scheduler:
    """Informers into the core, decisions out of it."""

    def __init__(self, client: Client, core: Core, recorder: EventRecorder, profile: str) -> None:
        self._client = client
        self._core = core
        self._recorder = recorder
        self._profile = profile
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_BINDINGS_IN_FLIGHT)
        self._writes: set[asyncio.Task[None]] = set()
        self._pods = Informer(client, Pod, field_selector=LIVING_PODS)
        self._nodes = Informer(client, Node)
        self._namespaces = Informer(client, Namespace)
        self._services = Informer(client, Service)
        self._replica_sets = Informer(client, ReplicaSet)
        self._connect()

    @property
    def informers(self) -> dict[str, Informer[Any]]:
        """The collections to follow, by resource."""
        return {
            "nodes": self._nodes,
            "namespaces": self._namespaces,
            "services": self._services,
            "replicasets": self._replica_sets,
            "pods": self._pods,
        }

    @property
    def synced(self) -> bool:
        return all(informer.synced.is_set() for informer in self.informers.values())

    def _connect(self) -> None:
        self._pods.add_handler(self._waking(self._core.pod_changed))
        self._nodes.add_handler(self._waking(self._core.node_changed))
        self._namespaces.add_handler(self._waking(self._core.namespace_changed))
        self._services.add_handler(self._core.service_changed)
        self._replica_sets.add_handler(self._core.replica_set_changed)

    def _waking(self, changed: Callable[[T | None, T | None, float], None]) -> Handler[T]:
        """A handler that tells the core, with the time, and lets the loop look again."""

        def handler(old: T | None, new: T | None) -> None:
            changed(old, new, time.monotonic())
            self._wake.set()

        return handler

    async def run(self) -> None:
        """Schedule until cancelled; writes under way are then given up."""
        for informer in self.informers.values():
            await informer.synced.wait()
        try:
            while True:
                self._wake.clear()
                await self._work_off()
                await self._wait(self._core.queue.next_wakeup(time.monotonic()))
        finally:
            for task in self._writes:
                task.cancel()

    async def _work_off(self) -> None:
        slice_end = time.monotonic() + SLICE_SECONDS
        while True:
            await self._slots.acquire()
            started = time.monotonic()
            decision = self._core.step(started)
            if decision is None:
                self._slots.release()
                return
            metrics.algorithm_duration.observe(time.monotonic() - started)
            if isinstance(decision.outcome, Chosen):
                self._spawn(self._bind(decision.queued, decision.outcome.node, started))
            else:
                self._spawn(self._explain(decision.queued, decision.outcome, started))
            if time.monotonic() >= slice_end:
                await asyncio.sleep(0)
                slice_end = time.monotonic() + SLICE_SECONDS

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _spawn(self, write: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        self._slots.release()
        if not task.cancelled() and task.exception() is not None:
            log.error("a write crashed", exc_info=task.exception())

    async def _bind(self, queued: QueuedPod, node: str, started: float) -> None:
        pod = queued.pod.pod
        metadata = pod.metadata
        binding = Binding(
            metadata=ObjectMeta(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
            target=ObjectReference(kind="Node", name=node),
        )
        try:
            await self._client.create(binding, name=metadata.name, subresource="binding")
        except StatusError as error:
            self._binding_failed(queued, node, started, error)
            return
        now = time.monotonic()
        self._observe("scheduled", now - started)
        metrics.pod_attempts.observe(queued.attempts)
        metrics.sli_duration.labels(str(min(queued.attempts, 16))).observe(now - queued.first_seen)
        log.debug("bound", pod=queued.pod.full_name, node=node, attempts=queued.attempts)
        self._recorder.record(pod, NORMAL, "Scheduled", f"Successfully assigned {queued.pod.full_name} to {node}")

    def _binding_failed(self, queued: QueuedPod, node: str, started: float, error: StatusError) -> None:
        self._observe("error", time.monotonic() - started)
        self._core.binding_failed(queued, time.monotonic())
        self._wake.set()
        if isinstance(error, NotFound):
            return  # the pod is gone; there is nobody to tell
        log.warning("binding failed", pod=queued.pod.full_name, node=node, reason=error.message)
        self._recorder.record(queued.pod.pod, WARNING, "FailedScheduling", f"binding rejected: {error.message}")

    async def _explain(self, queued: QueuedPod, outcome: Unschedulable, started: float) -> None:
        pod = queued.pod.pod
        self._observe("unschedulable", time.monotonic() - started)
        self._recorder.record(pod, WARNING, "FailedScheduling", outcome.message)
        patch = unschedulable_patch(pod, outcome.message, timestamps.now_text(time.time()))
        if patch is None:
            return
        try:
            await self._client.patch(
                Pod,
                pod.metadata.name,
                pod.metadata.namespace,
                patch,
                kind=PatchKind.STRATEGIC,
                subresource="status",
            )
        except NotFound:
            return  # deleted meanwhile
        except StatusError as error:
            log.warning("could not say why a pod waits", pod=queued.pod.full_name, reason=error.message)

    def _observe(self, result: str, seconds: float) -> None:
        metrics.attempts.labels(result, self._profile).inc()
        metrics.attempt_duration.labels(result, self._profile).observe(seconds)

    def expose_sizes(self) -> None:
        """Let the metrics page read the queue's and the cache's sizes."""
        core = self._core
        for place in Place:
            metrics.pending_pods.labels(place.value).set_function(partial(core.queue.count, place))
        for plugin in core.filter_names:
            gauge = metrics.unschedulable_pods.labels(plugin, self._profile)
            gauge.set_function(partial(core.turned_down, plugin))
        metrics.cache_size.labels("nodes").set_function(lambda: core.snapshot.nodes.count)
        metrics.cache_size.labels("pods").set_function(lambda: core.snapshot.placed)
        metrics.cache_size.labels("assumed_pods").set_function(lambda: core.binding)


def count_incoming(event: str, place: Place) -> None:
    """Count a pod that entered a place of the queue."""
    metrics.incoming_pods.labels(place.value, event).inc()


def unschedulable_patch(pod: Pod, message: str, now: str) -> dict[str, Any] | None:
    """The status patch that says why a pod waits; None when it says so already. now: RFC 3339."""
    before = _condition(pod, "PodScheduled")
    if before is not None and (before.status, before.reason, before.message) == ("False", UNSCHEDULABLE, message):
        return None
    since = before.last_transition_time if before is not None and before.status == "False" else now
    condition: dict[str, Any] = {
        "type": "PodScheduled",
        "status": "False",
        "reason": UNSCHEDULABLE,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if pod.metadata.generation:
        condition["observedGeneration"] = pod.metadata.generation
    return {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}


def _condition(pod: Pod, type_: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == type_), None)
