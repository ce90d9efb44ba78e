"""The nodes of one process: registered, reported and renewed by loops they share, each at its own time.

A node of its own process has a task for each; of thousands that would be thousands of timers and one storm of writes.
Here a queue knows when each node is due, and renewals are spread evenly over the interval.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from api.types import Node
from cluster.controller import Controller
from cluster.informer import Informer
from cluster.workqueue import WorkQueue
from kubelet.config import Intervals
from kubelet.hollow.node import HollowNode

# Writes under way at once; the API server answers them together. Renewals are many: when all have to wait for the CPU,
# an answer takes seconds, and a hundred a second are to be renewed all the same.
REPORTS = 64
RENEWALS = 200
FIRST_LEASES_SECONDS = 8.0
FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 7.0
NOT_READY_TAINT = "node.kubernetes.io/not-ready"


class Fleet:
    """`informer` has the nodes' objects."""

    def __init__(self, nodes: Sequence[HollowNode], intervals: Intervals, informer: Informer[Node]) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._intervals = intervals
        self._closed = set(self._nodes)
        self._renewed: set[str] = set()
        self._reports: WorkQueue[str] = _queue()
        self._renewals: WorkQueue[str] = _queue()
        self._reporting = Controller("node-status", self._reports, self._report, workers=REPORTS)
        self._renewing = Controller("node-lease", self._renewals, self._renew, workers=RENEWALS)
        informer.add_handler(self._node_changed)

    @property
    def open(self) -> bool:
        """Whether every node is Ready and takes pods."""
        return not self._closed

    @property
    def adopted(self) -> bool:
        """Whether every node has taken over its pods."""
        return all(node.pods.adopted for node in self._nodes.values())

    async def run_statuses(self) -> None:
        """Register every node and keep its status true, until cancelled."""
        for name in self._nodes:
            self._reports.add(name)
        await self._reporting.run()

    async def run_leases(self) -> None:
        """Renew every node's lease until cancelled.

        The first ones soon, because a node without a lease is given up early; from then on spread over the interval.
        """
        step = FIRST_LEASES_SECONDS / len(self._nodes)
        for position, name in enumerate(self._nodes):
            self._renewals.add_after(name, position * step)
        await self._renewing.run()

    async def run_pods(self) -> None:
        """Run every node's pods until cancelled; the end of one ends all."""
        async with asyncio.TaskGroup() as group:
            for node in self._nodes.values():
                group.create_task(node.run_pods(), name=f"pods-{node.name}")

    async def _report(self, name: str) -> None:
        reporter = self._nodes[name].reporter
        await reporter.report(time.time())
        if reporter.pressed:
            self._reports.add(name)
        else:
            self._reports.add_after(name, self._intervals.status_report * random.uniform(0.9, 1.0))

    async def _renew(self, name: str) -> None:
        await self._nodes[name].lease.renew(time.time())
        share = 1.0
        if name not in self._renewed:
            self._renewed.add(name)
            share = random.uniform(0.2, 1.0)
        self._renewals.add_after(name, self._intervals.lease_renew * share)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        changed = new or old
        node = self._nodes.get(changed.metadata.name) if changed is not None else None
        if node is None:
            return
        node.reporter.node_changed(old, new)
        if new is not None and _is_open(new):
            self._closed.discard(node.name)
        else:
            self._closed.add(node.name)
        if node.reporter.pressed:
            self._reports.add(node.name)


def _queue() -> WorkQueue[str]:
    return WorkQueue(base_delay_seconds=FIRST_RETRY_SECONDS, max_delay_seconds=MAX_RETRY_SECONDS)


def _is_open(node: Node) -> bool:
    if any(taint.key == NOT_READY_TAINT for taint in node.spec.taints):
        return False
    return any(each.type == "Ready" and each.status == "True" for each in node.status.conditions)
