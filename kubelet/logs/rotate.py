"""Keeping logs small (upstream: pkg/kubelet/logs, container log manager).

A live file that has grown too large is renamed and the runtime told to open a new one; all rotated files but the newest
are compressed, the oldest deleted. The newest stays plain: a reader may still be at its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.logs import get_logger
from kubelet.config import LogLimits
from kubelet.logs import files
from kubelet.logs.read import compress
from kubelet.runtime.base import Runtime, RuntimeFailure

log = get_logger()


@dataclass(frozen=True, slots=True)
class LiveLog:
    """The log of a running container."""

    container_id: str
    path: Path


class LogRotator:
    """`live` lists the running containers' logs."""

    def __init__(self, runtime: Runtime, limits: LogLimits, live: Callable[[], Iterable[LiveLog]]) -> None:
        self._runtime = runtime
        self._limits = limits
        self._live = live

    async def run(self) -> None:
        """Look at every log now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.check_seconds)
            for entry in list(self._live()):
                try:
                    await self.check(entry)
                except (OSError, RuntimeFailure) as error:
                    log.warning("could not rotate a log", path=str(entry.path), reason=str(error))

    async def check(self, entry: LiveLog) -> None:
        """Rotate a log if it is too large. Raises OSError, RuntimeFailure."""
        try:
            size = entry.path.stat().st_size
        except FileNotFoundError:
            return
        if size < self._limits.max_bytes:
            return
        keep = max(self._limits.max_files - 2, 0)
        old = files.rotated(entry.path)
        for path in old[: len(old) - keep]:
            path.unlink(missing_ok=True)
        for path in files.rotated(entry.path):
            if not path.name.endswith(".gz"):
                await asyncio.to_thread(compress, path)
        await self._rotate(entry)

    async def _rotate(self, entry: LiveLog) -> None:
        stamp = time.strftime(files.ROTATED_FORMAT, time.gmtime())
        target = entry.path.with_name(f"{entry.path.name}.{stamp}")
        if files.is_rotated(target):
            return  # twice within a second: the next look will do
        entry.path.rename(target)
        try:
            await self._runtime.reopen_log(entry.container_id)
        except RuntimeFailure:
            # The container goes on writing to the renamed file: give it its name back.
            if not entry.path.exists():
                target.rename(entry.path)
            raise
