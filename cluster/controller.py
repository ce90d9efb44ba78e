"""The reconcile loop: workers take keys from a queue; raising means back-off. The one place that decides on retry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from api.errors import Conflict, StatusError
from cluster import metrics
from cluster.logs import get_logger
from cluster.workqueue import WorkQueue

Key = TypeVar("Key", bound=Hashable)

log = get_logger()


class Controller(Generic[Key]):
    """Runs `reconcile(key)` for each key of `queue`, at most `workers` at once.

    reconcile is level-driven: it reads the newest state, acts, and raises when something did not work; the key
    then comes back after its back-off.
    """

    def __init__(
        self,
        name: str,
        queue: WorkQueue[Key],
        reconcile: Callable[[Key], Awaitable[None]],
        *,
        workers: int = 2,
    ) -> None:
        self.name = name
        self.queue = queue
        self._reconcile = reconcile
        self._workers = workers
        self._work_duration = metrics.workqueue_work_duration_seconds.labels(name)
        self._retries = metrics.workqueue_retries_total.labels(name)
        metrics.workqueue_depth.labels(name).set_function(lambda: len(queue))

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self.name}-{number}")
        finally:
            self.queue.close()

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            started = time.monotonic()
            try:
                await self._reconcile(key)
            except StatusError as error:
                self._retry(key, error)
            except Exception:
                self._retries.inc()
                delay = self.queue.add_rate_limited(key)
                log.exception("reconcile crashed", controller=self.name, key=str(key), retry_seconds=delay)
            else:
                self.queue.forget(key)
            finally:
                self.queue.done(key)
                self._work_duration.observe(time.monotonic() - started)

    def _retry(self, key: Key, error: StatusError) -> None:
        self._retries.inc()
        delay = self.queue.add_rate_limited(key)
        # A conflict only says that our copy was old; its newer version is on the way.
        level = log.debug if isinstance(error, Conflict) else log.warning
        level("reconcile failed", controller=self.name, key=str(key), reason=error.message, retry_seconds=delay)
