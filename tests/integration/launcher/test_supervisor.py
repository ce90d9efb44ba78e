"""The supervisor's keepers, with real processes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from podling.launcher.processes import Process
from podling.launcher.supervisor import TERM_SECONDS, Running, Supervisor
from tests.support.polling import eventually


async def test_a_stop_reaches_a_process_that_is_just_being_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").mkdir()
    start = asyncio.create_subprocess_exec
    children: list[asyncio.subprocess.Process] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def start_slowly(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        children.append(await start(*command, **options))
        begun.set()
        await go_on.wait()
        return children[0]

    cluster = SimpleNamespace(nodes=[], dir=tmp_path, run_dir=tmp_path)
    supervisor = Supervisor(cast(Any, cluster), lambda _: None)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    monkeypatch.setattr(supervisor, "_command", lambda process: process.argv)
    running = Running(Process("sleeper", ("sleep", "1000"), cgroup="", address=""))
    supervisor.running["sleeper"] = running
    running.task = asyncio.create_task(supervisor._keep(running))
    await begun.wait()
    stopping = asyncio.create_task(supervisor._stop_process("sleeper"))

    async def told() -> bool:
        return not running.wanted

    await eventually(told)
    go_on.set()
    async with asyncio.timeout(TERM_SECONDS + 60):
        await stopping
    assert children[0].returncode == -signal.SIGTERM, "nobody had to wait and kill it"
