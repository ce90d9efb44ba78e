"""mount(8) for NFS volumes: with the helper it started, it ends with who waits for it, whatever its server does."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from api.types import NFSVolumeSource
from kubelet.volumes import nfs
from tests.support.chaos import is_alive
from tests.support.cluster import eventually

_HANGING = """#!/bin/sh
sleep 1000 &
echo $! > {pids}.new
mv {pids}.new {pids}
wait
"""


async def test_a_mount_nobody_waits_for_ends_with_its_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pid"
    command = tmp_path / "mount"
    command.write_text(_HANGING.format(pids=pids))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(nfs, "has_client", lambda: True)
    mounting = asyncio.create_task(nfs.mount(NFSVolumeSource(server="silent", path="/x"), tmp_path / "place"))
    await asyncio.to_thread(eventually, "the helper runs", pids.exists)
    helper = int(pids.read_text())
    mounting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await mounting
    await asyncio.to_thread(eventually, "the helper has ended", lambda: not is_alive(helper))
