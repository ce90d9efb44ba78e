"""What is told of a container's processes by their names."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelet.runtime.oci import conmon

_INIT = "printf 'runc:[2:INIT]' >/proc/$$/comm; echo named; read line; exec sleep 600"


@pytest.fixture
def init() -> Iterator[subprocess.Popen[bytes]]:
    """A process that bears the name of runc's init until it is let go by a line, and is another command then."""
    with subprocess.Popen(["sh", "-c", _INIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"named\n"
            yield process
        finally:
            process.kill()


async def test_a_process_is_waited_for_until_it_is_the_containers_command(init: subprocess.Popen[bytes]) -> None:
    waiting = asyncio.create_task(conmon.becomes_command(init.pid, time.time_ns() + 60 * 10**9))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert init.stdin is not None
    init.stdin.write(b"\n")
    init.stdin.close()
    await waiting
    assert Path(f"/proc/{init.pid}/comm").read_text() == "sleep\n"


async def test_a_command_that_calls_itself_runcs_init_gains_no_time_by_it(init: subprocess.Popen[bytes]) -> None:
    await conmon.becomes_command(init.pid, time.time_ns() - 60 * 10**9)
    assert Path(f"/proc/{init.pid}/comm").read_text() == "runc:[2:INIT]\n"


async def test_a_process_that_is_gone_is_not_waited_for(init: subprocess.Popen[bytes]) -> None:
    init.kill()
    init.wait()
    await conmon.becomes_command(init.pid, time.time_ns())
