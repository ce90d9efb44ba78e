"""The scheduler's loop: it watches, has the core decide, and hands decisions over to be carried out.

Neighbours: `scheduler.core` decides; `scheduler.writer` carries out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from api import scheme
from api.types import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    ReplicaSet,
    ReplicationController,
    Service,
    StatefulSet,
    StorageClass,
    VolumeSnapshotContent,
)
from api.types.record import Record
from cluster.client import Client
from cluster.events import EventRecorder
from cluster.informer import Handler, Informer
from cluster.logs import get_logger
from scheduler import metrics
from scheduler.core import Core, Decision
from scheduler.cycle import Chosen
from scheduler.plugins.volume_matching import reaches
from scheduler.queue import Place
from scheduler.storage import Stored
from scheduler.volume_binder import VolumeBinder
from scheduler.writer import Writer

MAX_BINDINGS_IN_FLIGHT = 512
# How long to decide before letting the loop send what was decided.
SLICE_SECONDS = 0.005
LIVING_PODS = "status.phase!=Succeeded,status.phase!=Failed"

T = TypeVar("T", bound=Record)

log = get_logger()


class Scheduler:
    """Informers into the core, decisions out of it."""

    def __init__(self, client: Client, core: Core, recorders: Mapping[str, EventRecorder]) -> None:
        self._core = core
        self._volume_binder = VolumeBinder(client, core.snapshot.volumes, partial(reaches, core.snapshot))
        self._writer = Writer(client, core, recorders, self._volume_binder)
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_BINDINGS_IN_FLIGHT)
        self._writes: set[asyncio.Task[None]] = set()
        self.informers = self._follow(client)

    def _follow(self, client: Client) -> dict[str, Informer[Any]]:
        """The collections to follow, by resource, each with its way into the core."""
        core = self._core
        pods = Informer(client, Pod, field_selector=LIVING_PODS)
        pods.add_handler(self._waking(core.pod_changed))
        nodes = Informer(client, Node)
        nodes.add_handler(self._waking(core.node_changed))
        namespaces = Informer(client, Namespace)
        namespaces.add_handler(self._waking(core.namespace_changed))
        services = Informer(client, Service)
        services.add_handler(core.service_changed)
        budgets = Informer(client, PodDisruptionBudget)
        budgets.add_handler(core.budget_changed)
        informers: dict[str, Informer[Any]] = {"nodes": nodes, "namespaces": namespaces, "services": services}
        for owner in (ReplicaSet, StatefulSet, ReplicationController):
            informer: Informer[Any] = Informer(client, owner)
            informer.add_handler(core.owner_changed)
            informers[scheme.of(owner).plural] = informer
        told = (CSIDriver, CSINode, CSIStorageCapacity, VolumeSnapshotContent)
        for kind in (StorageClass, *told, PersistentVolume, PersistentVolumeClaim):
            informer = Informer(client, kind)
            informer.add_handler(self._waking(self._storage_changed))
            informers[scheme.of(kind).plural] = informer
        # Pods come last: what they are placed by should be known before them.
        return {**informers, "poddisruptionbudgets": budgets, "pods": pods}

    def _storage_changed(self, old: Stored | None, new: Stored | None, now: float) -> None:
        self._core.storage_changed(old, new, now)
        self._volume_binder.changed()

    @property
    def synced(self) -> bool:
        return all(informer.synced.is_set() for informer in self.informers.values())

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
                self._bind(decision, decision.outcome, started)
            else:
                if decision.outcome.preempting:
                    metrics.preemption_attempts.inc()
                self._spawn(self._writer.explain(decision.queued, decision.outcome, started))
                for pod in decision.denominated:
                    await self._slots.acquire()
                    self._spawn(self._writer.denominate(pod.pod.pod))
            if time.monotonic() >= slice_end:
                await asyncio.sleep(0)
                slice_end = time.monotonic() + SLICE_SECONDS

    def _bind(self, decision: Decision, chosen: Chosen, started: float) -> None:
        if decision.volumes is None:
            self._spawn(self._writer.bind(decision.queued, chosen, started))
            return
        # Provisioners take their time: other pods' bindings do not wait for it.
        self._slots.release()
        write = self._writer.bind_with_volumes(decision.queued, chosen, decision.volumes, started)
        self._spawn(write, holds_slot=False)

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _spawn(self, write: Coroutine[Any, Any, None], *, holds_slot: bool = True) -> None:
        task = asyncio.create_task(write)
        self._writes.add(task)
        if holds_slot:
            task.add_done_callback(lambda _task: self._slots.release())
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        self._wake.set()  # what failed may be tried again
        if not task.cancelled() and task.exception() is not None:
            log.error("a write crashed", exc_info=task.exception())

    def expose_sizes(self) -> None:
        """Let the metrics page read the queue's and the cache's sizes."""
        core = self._core
        for place in Place:
            metrics.pending_pods.labels(place.value).set_function(partial(core.queue.count, place))
        for profile in core.profiles.values():
            for plugin in profile.plugins:
                gauge = metrics.unschedulable_pods.labels(plugin.name, profile.name)
                gauge.set_function(partial(core.turned_down, profile.name, plugin.name))
        metrics.cache_size.labels("nodes").set_function(lambda: core.snapshot.nodes.count)
        metrics.cache_size.labels("pods").set_function(lambda: core.snapshot.placed)
        metrics.cache_size.labels("assumed_pods").set_function(lambda: core.binding)


def count_incoming(event: str, place: Place) -> None:
    """Count a pod that entered a place of the queue."""
    metrics.incoming_pods.labels(place.value, event).inc()
