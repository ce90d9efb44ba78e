"""Pulls go on without whoever asked for them, and end quietly."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from images.pull_request import Outcome
from kubelet.pulling import puller
from kubelet.pulling.puller import PullConfig, Puller, PullFailure


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
    async with asyncio.timeout(60):
        await asyncio.gather(*pulls._running.values(), return_exceptions=True)
    del alone
    gc.collect()
    assert complaints == []


async def test_a_process_that_cannot_be_started_is_a_failed_pull_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    opened: list[int] = []
    pipe2 = os.pipe2

    def pipe(flags: int) -> tuple[int, int]:
        opened.extend(ends := pipe2(flags))
        return ends

    monkeypatch.setattr(puller, "spawn", spawn)
    monkeypatch.setattr(os, "pipe2", pipe)
    with pytest.raises(PullFailure, match="Resource temporarily unavailable"):
        await Puller(PullConfig(tmp_path, tmp_path)).pull("image", ())
    assert len(opened) == 4
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
