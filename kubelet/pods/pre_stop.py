"""preStop hooks of one pod's containers: waited for until the deadline, and ended with their container, not before.

A hook that outlasts the grace period goes on while its container is asked to end (upstream: executePreStopHook).
"""

from __future__ import annotations

import asyncio
import time

from api.types import LifecycleHandler
from kubelet.containers.hooks import run_hook
from kubelet.pods.view import AnyContainer
from kubelet.runtime.base import Runtime


class PreStopHooks:
    """The hooks that are running, by container id."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hooks: dict[str, asyncio.Task[None]] = {}
        self._limits: dict[str, asyncio.Timeout] = {}

    async def run(self, handler: LifecycleHandler, container: AnyContainer, id: str, ip: str, deadline: float) -> None:
        """Begin a hook and wait for its end. Raises HookFailure, and TimeoutError at the deadline: it goes on then."""
        hook = asyncio.create_task(run_hook(self._runtime, handler, container, id, ip), name=f"pre-stop {id}")
        hook.add_done_callback(_retrieve)
        self._hooks[id] = hook
        try:
            async with asyncio.timeout(deadline - time.time()) as limit:
                self._limits[id] = limit
                await asyncio.shield(hook)
        except asyncio.CancelledError:
            self.end(id)
            raise
        finally:
            del self._limits[id]

    def hurry(self, id: str, deadline: float) -> None:
        """A more urgent stop: a hook that is still waited for has only the time that is left now."""
        if id in self._limits:
            left = max(deadline - time.time(), 0)
            self._limits[id].reschedule(asyncio.get_running_loop().time() + left)

    def end(self, id: str) -> None:
        """The container has ended, and with it its hook."""
        hook = self._hooks.pop(id, None)
        if hook is not None:
            hook.cancel()


def _retrieve(hook: asyncio.Task[None]) -> None:
    """Nobody waits any more for how a hook past its deadline ends."""
    if not hook.cancelled():
        hook.exception()
