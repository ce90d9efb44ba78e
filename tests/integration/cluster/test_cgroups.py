"""Cgroups of this machine's own kind."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cluster.cgroups import CgroupFailure, Cgroups
from kubelet.runtime.base import Resources
from tests.support.runtime import eventually

EAT = """
import sys, time
sys.stdin.readline()
eaten = bytearray(int(sys.argv[1]))
print("full", flush=True)
time.sleep(1000)
"""


@contextlib.contextmanager
def eater(cgroups: Cgroups, cgroup: str, size: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes so much memory once it is in the cgroup; killed afterwards if need be."""
    command = [sys.executable, "-c", EAT, str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            cgroups.add(cgroup, process.pid)
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            yield process
        finally:
            process.kill()


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
    with eater(cgroups, pod, 32 << 20) as process:
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


def test_out_of_memory_is_counted(cgroup: str) -> None:
    cgroups = Cgroups.detect()
    cgroups.create(cgroup)
    cgroups.limit(cgroup, Resources(memory_limit_bytes=16 << 20))
    with eater(cgroups, cgroup, 64 << 20) as process:
        assert process.wait() == -9
    assert cgroups.oom_kills(cgroup) == 1


def test_what_the_kernel_refuses_is_said(cgroup: str) -> None:
    cgroups = Cgroups.detect()
    cgroups.create(cgroup)
    with pytest.raises(CgroupFailure, match=r"cannot write .* to .*: "):
        cgroups.limit(cgroup, Resources(cpu_quota=1))
    with pytest.raises(CgroupFailure):
        cgroups.add(cgroup, 2**22 + 1)
