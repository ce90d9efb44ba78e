"""What nodes and pods use, asked of their kubelets: many at once but not too many, each answer kept for a moment.

A node that does not answer, or has no port to ask (hollow nodes), is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from api.errors import StatusError
from cluster.clock import Clock, LoopClock
from cluster.logs import get_logger
from cluster.pb import usage_pb2 as pb

CACHE_SECONDS: Final = 2.0
CALL_SECONDS: Final = 3.0
MAX_CALLS: Final = 64

log = get_logger()


class UsageSource(Protocol):
    """`apiserver.kubelets.Kubelets`."""

    async def usage(self, node_name: str, timeout: float) -> pb.UsageAnswer: ...


class NodeUsages:
    """Answers by node. One question to a node is shared by all who ask meanwhile."""

    def __init__(self, source: UsageSource, clock: Clock | None = None) -> None:
        self._source = source
        self._clock = clock or LoopClock()
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._asked: dict[str, tuple[float, asyncio.Task[pb.UsageAnswer | None]]] = {}

    async def of(self, node_names: Iterable[str]) -> Mapping[str, pb.UsageAnswer]:
        """The answers of those that gave one."""
        asked = {name: self._ask(name) for name in dict.fromkeys(node_names)}
        if asked:
            await asyncio.wait(asked.values())
        self._forget()
        # A task that the closing server has cancelled answers as little as one whose node is silent.
        done = {name: task.result() for name, task in asked.items() if not task.cancelled()}
        return {name: answer for name, answer in done.items() if answer is not None}

    async def close(self) -> None:
        """End the questions still under way."""
        tasks = [task for _, task in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, name: str) -> asyncio.Task[pb.UsageAnswer | None]:
        now = self._clock.monotonic()
        known = self._asked.get(name)
        if known is not None and (not known[1].done() or now - known[0] < CACHE_SECONDS):
            return known[1]
        task = asyncio.create_task(self._call(name), name=f"usage-of-{name}")
        self._asked[name] = (now, task)
        return task

    async def _call(self, name: str) -> pb.UsageAnswer | None:
        async with self._calls:
            try:
                return await self._source.usage(name, CALL_SECONDS)
            except StatusError as error:
                log.debug("a node did not tell its usage", node=name, reason=error.message)
                return None

    def _forget(self) -> None:
        now = self._clock.monotonic()
        old = [name for name, (at, task) in self._asked.items() if task.done() and now - at >= CACHE_SECONDS]
        for name in old:
            del self._asked[name]
