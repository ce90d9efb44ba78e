"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

INTERVAL_SECONDS = 0.02


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60.0, what: str = "") -> None:
    """Ask until `holds()`; fail after `seconds`, naming `what` was awaited."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        if await holds():
            return
        if loop.time() > deadline:
            pytest.fail(f"did not happen within {seconds} s: {what or holds.__name__}")
        await asyncio.sleep(INTERVAL_SECONDS)
