"""Probes of hollow containers: there is nobody to ask, so each succeeds when its pod's annotations say.

A container has started at once and is ready `hollow.podling.io/ready-seconds` later, or at the initial delay of its
readiness probe if that is later. Liveness never fails: a container that is to fail ends (`exit-code`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from kubelet.pods.actions import StopCause
from kubelet.probes.prober import Probed
from kubelet.runtime.hollow.runtime import HollowRuntime

_NOTHING: Mapping[str, StopCause] = {}


class HollowProber:
    """`changed` is called when a container has become ready."""

    unhealthy = _NOTHING

    def __init__(self, runtime: HollowRuntime, changed: Callable[[], None]) -> None:
        self._runtime = runtime
        self._changed = changed
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.started: set[str] = set()
        self.ready: set[str] = set()

    def follow(self, running: Iterable[Probed], pod_ip: str) -> None:
        """Probe these and no others."""
        present = {probed.id: probed for probed in running}
        for id in self.started - present.keys():
            self.started.discard(id)
            self.ready.discard(id)
            if (timer := self._timers.pop(id, None)) is not None:
                timer.cancel()
        for id, probed in present.items():
            if id not in self.started:
                self.started.add(id)
                self._begin(probed)

    def stop_judging(self) -> None:
        """The pod ends; nothing was judged."""

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _begin(self, probed: Probed) -> None:
        left = probed.started_at + self._delay(probed) - time.time()
        if probed.was_ready or left <= 0:
            self.ready.add(probed.id)
        else:
            self._timers[probed.id] = asyncio.get_running_loop().call_later(left, self._succeed, probed.id)

    def _delay(self, probed: Probed) -> float:
        probe = probed.container.readiness_probe
        initial = float(probe.initial_delay_seconds) if probe is not None else 0.0
        return max(self._runtime.behaviour(probed.id).ready_seconds, initial)

    def _succeed(self, id: str) -> None:
        self._timers.pop(id, None)
        self.ready.add(id)
        self._changed()
