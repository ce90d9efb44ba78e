"""Notices when containers end: one process descriptor for each conmon, no polling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from .conmon import is_monitor_of


class ExitWatch:
    """Calls `ended(container_id)` in the event loop, once, when a watched container's conmon has ended."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._descriptors: dict[str, int] = {}

    def watch(self, container_id: str, monitor: int) -> bool:
        """Watch a container; False when its conmon is gone already, and then nothing is called."""
        try:
            descriptor = os.pidfd_open(monitor)
        except ProcessLookupError:
            return False
        # Checked after the descriptor is held, so that it is the same process that is checked and watched.
        if not is_monitor_of(monitor, container_id):
            os.close(descriptor)
            return False
        self._descriptors[container_id] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._fire, container_id)
        return True

    def close(self) -> None:
        """Stop watching everything."""
        for container_id in list(self._descriptors):
            self._drop(container_id)

    def _fire(self, container_id: str) -> None:
        self._drop(container_id)
        self._ended(container_id)

    def _drop(self, container_id: str) -> None:
        descriptor = self._descriptors.pop(container_id)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
