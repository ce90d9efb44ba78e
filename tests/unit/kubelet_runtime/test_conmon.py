"""What is told of a container's processes by their command lines."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from kubelet.runtime.oci import conmon


async def test_a_process_that_was_let_go_is_waited_for_until_it_is_the_containers_command(tmp_path: Path) -> None:
    (tmp_path / "init").write_text("read line\nexec sleep 600\n")
    process = subprocess.Popen(["sh", "init"], cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
        await conmon.becomes_command(process.pid, time.time_ns())
        assert b"init" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    finally:
        process.kill()
        process.wait()


async def test_a_command_that_merely_looks_like_runcs_is_not_waited_for_for_long(tmp_path: Path) -> None:
    (tmp_path / "init").write_text("exec 9<&0; read line\n")
    process = subprocess.Popen(["sh", "init"], cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        await conmon.becomes_command(process.pid, time.time_ns() - 10**10)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
