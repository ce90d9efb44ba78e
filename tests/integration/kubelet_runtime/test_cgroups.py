"""Cgroups of this machine's own kind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kubelet.runtime.base import Resources
from kubelet.runtime.cgroups import CgroupFailure, Cgroups
from tests.support.runtime import eventually

EAT = "x = bytearray(int(__import__('sys').argv[1])); print('full', flush=True); __import__('time').sleep(1000)"


@pytest.fixture
def cgroup() -> Iterator[str]:
    path = f"/podling-test-cgroups-{os.getpid()}"
    yield path
    cgroups = Cgroups.detect()
    cgroups.kill(path)
    cgroups.remove(path)
    assert not cgroups.exists(path)


async def test_limit_use_kill_remove(cgroup: str) -> None:
    cgroups = Cgroups.detect()
    pod = f"{cgroup}/burstable/pod1"
    cgroups.create(pod)
    cgroups.create(pod)
    cgroups.limit(pod, Resources(cpu_shares=512, cpu_quota=50_000, memory_limit_bytes=128 << 20, pids_limit=20))
    with subprocess.Popen([sys.executable, "-c", EAT, str(32 << 20)], stdout=subprocess.PIPE) as process:
        cgroups.add(pod, process.pid)
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        usage = cgroups.usage(cgroup)
        assert usage is not None and usage.pids == 1 and usage.cpu_nanoseconds > 0
        assert 32 << 20 < usage.working_set_bytes <= usage.memory_bytes < 128 << 20
        assert cgroups.pids(cgroup) == {process.pid}
        assert not cgroups.remove(cgroup)
        assert cgroups.kill(cgroup) == 1
        process.wait()

    async def removed() -> bool:
        return cgroups.remove(cgroup)

    await eventually(removed, "the cgroup is empty and removed")
    assert cgroups.usage(pod) is None


async def test_out_of_memory_is_counted(cgroup: str) -> None:
    cgroups = Cgroups.detect()
    cgroups.create(cgroup)
    cgroups.limit(cgroup, Resources(memory_limit_bytes=16 << 20))
    program = "import sys; sys.stdin.readline(); x = bytearray(64 << 20)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        cgroups.add(cgroup, process.pid)
        process.communicate(b"\n")
    assert process.returncode == -9
    assert cgroups.oom_kills(cgroup) == 1


def test_what_the_kernel_refuses_is_said(cgroup: str) -> None:
    cgroups = Cgroups.detect()
    cgroups.create(cgroup)
    with pytest.raises(CgroupFailure, match="cannot write .* to .*: "):
        cgroups.limit(cgroup, Resources(cpu_quota=1))
    with pytest.raises(CgroupFailure):
        cgroups.add(cgroup, 2**22 + 1)
