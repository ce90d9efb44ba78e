"""The loop behind node-pressure eviction: look, decide (`thresholds`, `ranking`), end one pod, look again.

Source: upstream's eviction_manager.go, synchronize: pods over their own limits first, then one pod at a time for the
most urgent threshold; the next only when that one has ended, or has had long enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from api.types import Node
from cluster.cgroups import CgroupFailure
from cluster.events import EventRecorder
from cluster.logs import get_logger
from kubelet.eviction import ranking
from kubelet.eviction.figures import FiguresReader
from kubelet.eviction.thresholds import Crossed, Pressure, number, observe
from kubelet.node.machine import Usage
from kubelet.pods.pods import Pods
from kubelet.pods.state import PodState
from kubelet.pods.view import Stop
from kubelet.pods.worker import PodWorker
from kubelet.runtime.base import RuntimeFailure

# Upstream looks every 10 s and has the kernel tell it of memory in between; looking is cheap here.
PRESSURE_SECONDS = 2.0
LIMITS_SECONDS = 10.0
# How long an ended pod is waited for before the next one is ended too.
CLEANUP_SECONDS = 30.0
IMMEDIATE_GRACE_SECONDS = 1
EVICTED = "Evicted"
DISK = ("ephemeral-storage", "inodes")

log = get_logger()


class EvictionManager:
    """Ends pods of `pods`; `pressure` is told what it sees.

    node: the registered node, for events. changed: called when the conditions change. reclaim: frees what no pod uses
    of the disk.
    """

    def __init__(
        self,
        pressure: Pressure,
        measure: Callable[[], Usage],
        pods: Pods,
        figures: FiguresReader,
        recorder: EventRecorder,
        node: Callable[[], Node | None],
        changed: Callable[[], None],
        reclaim: Callable[[], Awaitable[None]],
    ) -> None:
        self._pressure = pressure
        self._measure = measure
        self._pods = pods
        self._figures = figures
        self._recorder = recorder
        self._node = node
        self._changed = changed
        self._reclaim = reclaim
        self._limits_at = 0.0
        self._ending: PodWorker | None = None
        self._ending_until = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look(time.monotonic())
            except (CgroupFailure, RuntimeFailure, OSError) as error:
                log.warning("could not look for pressure on the node", reason=str(error))
            await asyncio.sleep(PRESSURE_SECONDS)

    async def look(self, now: float) -> None:
        """Look once. Raises CgroupFailure, RuntimeFailure, OSError."""
        before = self._pressure.conditions
        crossed = self._pressure.observe(observe(self._measure()), now)
        if self._pressure.conditions != before:
            self._changed()
        if now >= self._limits_at:
            self._limits_at = now + LIMITS_SECONDS
            if await self._end_exceeding():
                return
        if crossed and not self._waits(now):
            await self._relieve(crossed[0], now)

    def _waits(self, now: float) -> bool:
        """Whether the last pod that was ended still holds what it had."""
        worker = self._ending
        return worker is not None and worker.state is not PodState.TERMINATED and now < self._ending_until

    async def _end_exceeding(self) -> bool:
        """End the pods that exceed limits of their own; whether there were any."""
        found = False
        for worker in self._candidates():
            if ranking.has_limits(worker.record.pod):
                text = ranking.exceeded_limit(await self._figures.read(worker.record, disk=True))
                if text is not None:
                    found = self._evict(worker, text, IMMEDIATE_GRACE_SECONDS) or found
        return found

    async def _relieve(self, crossed: Crossed, now: float) -> None:
        node = self._node()
        if node is not None:
            text = f"Attempting to reclaim {crossed.resource}"
            self._recorder.record(node, "Warning", "EvictionThresholdMet", text)
        disk = crossed.resource in DISK
        if disk and await self._reclaimed(crossed):
            return
        workers = {worker.record.uid: worker for worker in self._candidates()}
        figures = [await self._figures.read(worker.record, disk=disk) for worker in workers.values()]
        for each in ranking.ranked(figures, crossed.resource):
            worker = workers[each.pod.metadata.uid]
            if self._evict(worker, ranking.message(crossed, each), self._grace(crossed, worker)):
                self._ending, self._ending_until = worker, now + CLEANUP_SECONDS
                return
        log.warning("the node is low on a resource and there is no pod to end", resource=crossed.resource)

    async def _reclaimed(self, crossed: Crossed) -> bool:
        """Free what no pod uses; whether that was enough."""
        try:
            await self._reclaim()
        except RuntimeFailure as error:
            log.warning("could not free disk space without ending pods", reason=str(error))
        left = observe(self._measure()).get(crossed.threshold.signal)
        return left is not None and left.available >= number(crossed.threshold.value, left.capacity)

    def _grace(self, crossed: Crossed, worker: PodWorker) -> int:
        """A hard threshold leaves next to no time; a soft one as much as the pod wants, up to the node's most."""
        if crossed.threshold.hard:
            return IMMEDIATE_GRACE_SECONDS
        own = worker.record.pod.spec.termination_grace_period_seconds
        most = self._pressure.policy.max_pod_grace_seconds
        return most if own is None else min(own, most)

    def _candidates(self) -> Sequence[PodWorker]:
        return [worker for worker in self._pods.workers() if worker.active and worker.record.stop is None]

    def _evict(self, worker: PodWorker, text: str, grace_seconds: int) -> bool:
        pod = worker.record.pod
        if ranking.is_critical(pod):
            return False
        log.info("evicted a pod", pod=f"{pod.metadata.namespace}/{pod.metadata.name}", reason=text)
        worker.end(Stop(time.time() + grace_seconds, EVICTED, text, disruption=text), ("Warning", EVICTED, text))
        return True
