"""Readings of what the node and its containers use, every few seconds and when they are asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from api.types import Pod
from kubelet.metrics.samples import NANOSECONDS, Rate, Sample, Samples
from kubelet.pod_cgroups import PodCgroups
from kubelet.pods.pods import Pods
from kubelet.pods.view import Run
from kubelet.runtime.base import ContainerState

# Upstream: cAdvisor's housekeeping.
PERIOD_SECONDS: Final = 10.0
# Asked more often than this, it answers what it knows.
FRESH_NS: Final = 1 * NANOSECONDS
_NODE: Final = "node"


@dataclass(frozen=True, slots=True)
class PodRates:
    """A pod's running containers by name: all of them have been read twice."""

    pod: Pod
    containers: Sequence[tuple[str, Rate]]


@dataclass(frozen=True, slots=True)
class Rates:
    """The node's own use, None when it has been read once only; and that of its pods."""

    node: Rate | None
    pods: Sequence[PodRates]


class UsageSampler:
    """node: CPU time in nanoseconds and working set in bytes of the whole node."""

    def __init__(self, pods: Pods, cgroups: PodCgroups, node: Callable[[], tuple[int, int]]) -> None:
        self._pods = pods
        self._cgroups = cgroups
        self._node = node
        self._samples = Samples()
        self._read_ns = 0
        self._reading = asyncio.Lock()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._read()
            await asyncio.sleep(PERIOD_SECONDS)

    async def rates(self) -> Rates:
        """What is used now, read anew unless that was done a moment ago."""
        await self._read()
        pods = [PodRates(pod, containers) for pod, runs in self._running() if (containers := self._rates_of(runs))]
        return Rates(self._samples.rate(_NODE), pods)

    async def _read(self) -> None:
        async with self._reading:
            if time.time_ns() - self._read_ns < FRESH_NS:
                return
            readings = await asyncio.to_thread(self._measure, self._running())
            self._samples.add(readings)
            self._read_ns = time.time_ns()

    def _running(self) -> list[tuple[Pod, list[Run]]]:
        return [
            (
                record.pod,
                [runs[-1] for runs in record.runs.values() if runs and runs[-1].state is ContainerState.RUNNING],
            )
            for record in (worker.record for worker in self._pods.workers())
        ]

    def _measure(self, running: Sequence[tuple[Pod, list[Run]]]) -> dict[Hashable, Sample]:
        cpu, memory = self._node()
        readings: dict[Hashable, Sample] = {_NODE: Sample(time.time_ns(), cpu, memory)}
        for pod, runs in running:
            for run in runs:
                usage = self._cgroups.usage(pod, run.id)
                if usage is not None:
                    readings[run.id] = Sample(time.time_ns(), usage.cpu_nanoseconds, usage.working_set_bytes)
        return readings

    def _rates_of(self, runs: Sequence[Run]) -> list[tuple[str, Rate]]:
        """Empty unless every container has a rate: half a pod would look like an idle one."""
        rates = [(run.spec.name, rate) for run in runs if (rate := self._samples.rate(run.id)) is not None]
        return rates if len(rates) == len(runs) else []
