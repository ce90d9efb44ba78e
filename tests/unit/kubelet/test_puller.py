"""Pulls go on without whoever asked for them, and end quietly."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from images.pull_request import Outcome
from kubelet.pulling import puller
from kubelet.pulling.puller import PullConfig, Puller


async def test_a_failed_pull_that_nobody_waits_for_is_no_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answer = asyncio.Event(), asyncio.Event()

    async def converse(_command: Sequence[str], _request: bytes) -> Outcome:
        begun.set()
        await answer.wait()
        return Outcome(error="no such registry")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    monkeypatch.setattr(puller, "_converse", converse)
    pulls = Puller(PullConfig(tmp_path, tmp_path))
    alone = asyncio.create_task(pulls.pull("image", ()))
    await begun.wait()
    alone.cancel()
    await asyncio.wait({alone})
    answer.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*pulls._running.values(), return_exceptions=True)
    del alone
    gc.collect()
    assert complaints == []
