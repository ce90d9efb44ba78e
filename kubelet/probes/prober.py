"""The probes of one pod: a task per probe of each running container, and what they say together.

A container is started once its startup probe has succeeded (at once without one); only then are liveness and readiness
asked. A run whose startup or liveness probe fails is unhealthy and not asked again: its worker stops it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from api.types import Container, Probe
from cluster.logs import get_logger
from kubelet.metrics import probes as metrics
from kubelet.pods.actions import StopCause
from kubelet.probes.checks import Target, check
from kubelet.probes.tracker import Answer, Kind, Outcome, Tracker, period_seconds
from kubelet.runtime.base import Runtime

MAX_EVENT_TEXT = 1024

log = get_logger()

# (container, event type, reason, message)
Announce = Callable[[Container, str, str, str], None]


@dataclass(frozen=True, slots=True)
class Probed:
    """A running container: `started_at` in seconds since the epoch; `was_ready` as a former kubelet knew it."""

    container: Container
    id: str
    started_at: float
    was_ready: bool = False


class PodProber:
    """`changed` is called whenever `started`, `ready` or `unhealthy` change."""

    def __init__(
        self, runtime: Runtime, pod_labels: tuple[str, str, str], announce: Announce, changed: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._pod_labels = pod_labels
        self._announce = announce
        self._changed = changed
        self._tasks: dict[tuple[str, Kind], asyncio.Task[None]] = {}
        self._followed: set[str] = set()
        self.started: set[str] = set()
        self.ready: set[str] = set()
        self.unhealthy: dict[str, StopCause] = {}

    def follow(self, running: Iterable[Probed], pod_ip: str) -> None:
        """Probe these and no others. Results of runs that ended are forgotten, but for `unhealthy`."""
        present = {probed.id: probed for probed in running}
        for id in self._followed - present.keys():
            self._forget(id)
        for id, probed in present.items():
            if id not in self._followed:
                self._followed.add(id)
                self._begin(probed, pod_ip)

    def stop_judging(self) -> None:
        """The pod ends: startup and liveness are no longer asked (upstream: StopLivenessAndStartup)."""
        for key in [key for key in self._tasks if key[1] is not Kind.READINESS]:
            self._tasks.pop(key).cancel()

    async def close(self) -> None:
        """Stop all probes."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, id: str) -> None:
        self._followed.discard(id)
        self.started.discard(id)
        self.ready.discard(id)
        for kind in Kind:
            task = self._tasks.pop((id, kind), None)
            if task is not None:
                task.cancel()

    def _begin(self, probed: Probed, pod_ip: str) -> None:
        target = Target(probed.container, probed.id, pod_ip)
        startup = probed.container.startup_probe
        # A container the last kubelet found ready has started: its endpoints must not flap for our restart.
        if startup is None or probed.was_ready:
            self._has_started(probed, target)
        else:
            self._spawn(Kind.STARTUP, startup, probed, target)

    def _has_started(self, probed: Probed, target: Target) -> None:
        self.started.add(probed.id)
        container = probed.container
        if container.readiness_probe is None or probed.was_ready:
            self.ready.add(probed.id)
        if container.readiness_probe is not None:
            self._spawn(Kind.READINESS, container.readiness_probe, probed, target)
        if container.liveness_probe is not None:
            self._spawn(Kind.LIVENESS, container.liveness_probe, probed, target)

    def _spawn(self, kind: Kind, probe: Probe, probed: Probed, target: Target) -> None:
        loop = self._loop(kind, probe, probed, target)
        name = f"probe-{kind.lower()}-{probed.container.name}"
        self._tasks[probed.id, kind] = asyncio.create_task(loop, name=name)

    async def _loop(self, kind: Kind, probe: Probe, probed: Probed, target: Target) -> None:
        tracker = Tracker(kind, probe)
        if kind is Kind.READINESS:
            tracker.healthy = probed.was_ready
        await asyncio.sleep(probed.started_at + probe.initial_delay_seconds - time.time())
        while True:
            began = time.monotonic()
            outcome = await self._ask(probe, target)
            self._tell(kind, probed.container, outcome)
            if tracker.observe(outcome.answer) and self._settle(kind, probed, target, healthy=tracker.healthy):
                return
            await asyncio.sleep(began + period_seconds(probe) - time.monotonic())

    async def _ask(self, probe: Probe, target: Target) -> Outcome:
        try:
            return await check(self._runtime, probe, target)
        except Exception as error:
            # A defect of ours must neither end the probing nor count against the container.
            log.exception("a probe crashed", container=target.container.name)
            return Outcome(Answer.ERROR, f"the kubelet could not ask: {error!r}")

    def _settle(self, kind: Kind, probed: Probed, target: Target, *, healthy: bool) -> bool:
        """Take over a settled result; whether the probe has nothing more to say."""
        if kind is Kind.READINESS:
            if healthy != (probed.id in self.ready):
                (self.ready.add if healthy else self.ready.discard)(probed.id)
                self._changed()
            return False
        if not healthy:
            self.unhealthy[probed.id] = StopCause.STARTUP if kind is Kind.STARTUP else StopCause.LIVENESS
            self._changed()
            return True
        if kind is Kind.STARTUP:
            self._has_started(probed, target)
            self._changed()
            return True
        return False

    def _tell(self, kind: Kind, container: Container, outcome: Outcome) -> None:
        metrics.count(kind, outcome.answer, container.name, self._pod_labels)
        output = outcome.output[:MAX_EVENT_TEXT]
        if outcome.answer is Answer.FAILURE:
            self._announce(container, "Warning", "Unhealthy", f"{kind} probe failed: {output}")
        elif outcome.answer is Answer.ERROR:
            text = f"{kind} probe errored and resulted in unknown state: {output}"
            self._announce(container, "Warning", "Unhealthy", text)
        elif outcome.answer is Answer.WARNING:
            self._announce(container, "Warning", "ProbeWarning", f"{kind} probe warning: {output}")
