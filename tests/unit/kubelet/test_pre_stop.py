"""preStop hooks are waited for until the deadline, and go on until their container ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from api import codec
from api.types import Container, LifecycleHandler
from kubelet.pods.pre_stop import PreStopHooks
from kubelet.runtime.base import ExecResult, Runtime

HANDLER = codec.from_tree(LifecycleHandler, {"exec": {"command": ["bye"]}})
CONTAINER = Container(name="main")


class Commands:
    """A runtime whose commands run until `left` is set."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def exec_sync(self, *_: Any) -> ExecResult:
        try:
            await self.left.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return ExecResult(stdout=b"", stderr=b"", exit_code=0)


async def test_a_hook_that_outlasts_the_deadline_goes_on_until_its_container_ends() -> None:
    commands = Commands()
    hooks = PreStopHooks(cast(Runtime, commands))
    with pytest.raises(TimeoutError):
        await hooks.run(HANDLER, CONTAINER, "main-0", "10.0.0.5", time.time() + 0.01)
    assert not commands.cancelled.is_set()
    hooks.end("main-0")
    async with asyncio.timeout(60):
        await commands.cancelled.wait()


async def test_a_more_urgent_stop_leaves_a_hook_only_the_time_that_is_left_then() -> None:
    hooks = PreStopHooks(cast(Runtime, Commands()))
    waiting = asyncio.create_task(hooks.run(HANDLER, CONTAINER, "main-0", "10.0.0.5", time.time() + 3600))
    await asyncio.sleep(0)
    hooks.hurry("main-0", time.time())
    with pytest.raises(TimeoutError):
        await waiting
    hooks.end("main-0")


async def test_a_hook_that_is_done_in_time_is_the_end_of_the_wait() -> None:
    commands = Commands()
    commands.left.set()
    hooks = PreStopHooks(cast(Runtime, commands))
    await hooks.run(HANDLER, CONTAINER, "main-0", "10.0.0.5", time.time() + 3600)
    hooks.end("main-0")
