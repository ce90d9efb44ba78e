"""What a new kubelet process finds of the last one's, and that a kill at any moment leaves nothing behind."""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from kubelet.runtime.base import ContainerState, SandboxState
from kubelet.runtime.oci import syscalls
from kubelet.runtime.oci.conmon import Conmon, Started
from kubelet.runtime.oci.runtime import open_runtime
from tests.support.chaos import is_alive
from tests.support.runtime import Node, eventually, left_in_the_end

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
async def closed(node: Node) -> AsyncIterator[Node]:
    """A node whose runtime the test opens and closes itself."""
    first = node.runtime
    yield node
    node.runtime = first


async def test_running_containers_are_found_again_and_go_on(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox(share_process_namespace=True)
        container = await closed.obeying(sandbox, "exit 8")
    async with closed.using() as runtime:
        assert await runtime.list_sandboxes() == [sandbox]
        assert await runtime.list_containers() == [container]
        assert (await runtime.exec_sync(container.id, ["echo", "hi"], 60)).stdout == b"hi\n"
        other = await closed.sandbox("other")
        assert other.ip not in ("", sandbox.ip)
        events = runtime.events()
        await runtime.stop_container(container.id, 60)
        async with asyncio.timeout(60):
            assert (await anext(events)).container_id == container.id
        assert (await runtime.container_status(container.id)).exit_code == 8


async def test_ends_that_nobody_saw_are_found(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        container = await closed.run(sandbox, "sleep 0.1; exit 6")

    async def exit_told() -> bool:
        return (closed.config.data_dir / "containers" / container.id / container.id).exists()

    await eventually(exit_told, "conmon writes the exit code")
    async with closed.using() as runtime:
        status = await closed.ended(container.id)
        assert (status.exit_code, status.reason) == (6, "Error")
        assert (await runtime.sandbox_status(sandbox.id)).state is SandboxState.READY


async def test_created_containers_can_still_be_started(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        created = await closed.open.create_container(closed.spec(sandbox, "exit 2"))
    async with closed.using() as runtime:
        assert [each.state for each in await runtime.list_containers()] == [ContainerState.CREATED]
        await runtime.start_container(created.id)
        assert (await closed.ended(created.id)).exit_code == 2


def being_started(node: Node, container_id: str) -> None:
    """Have the record say what it says while a container is being started."""
    path = node.config.data_dir / "containers" / container_id / "record.json"
    record = json.loads(path.read_bytes())
    record["starting"], record["monitor"] = True, 0
    record["status"] |= {"state": ContainerState.CREATED.value, "pid": 0, "started_at": 0}
    path.write_text(json.dumps(record))


async def test_a_start_that_nobody_saw_succeed_has_succeeded(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        container = await closed.obeying(sandbox, "exit 8")
    being_started(closed, container.id)
    async with closed.using() as runtime:
        status = await runtime.container_status(container.id)
        assert (status.state, status.pid) == (ContainerState.RUNNING, container.pid)
        await runtime.stop_container(container.id, 60)
        assert (await closed.ended(container.id)).exit_code == 8


async def test_a_command_that_waits_to_be_begun_is_no_running_container(
    closed: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_yet(_monitor: Conmon, _container: str, _started: Started) -> None:
        """As if the kubelet died here."""

    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        with monkeypatch.context() as patched:
            patched.setattr(Conmon, "_run", not_yet)
            container = await closed.run(sandbox, "exit 2")
    being_started(closed, container.id)
    async with closed.using() as runtime:
        assert (await runtime.container_status(container.id)).state is ContainerState.CREATED
        await runtime.remove_container(container.id)
        assert not is_alive(container.pid)


async def test_a_start_that_did_not_come_to_the_command_has_not_failed(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        container = await closed.open.create_container(closed.spec(sandbox, "exit 2"))
    being_started(closed, container.id)
    async with closed.using() as runtime:
        assert (await runtime.container_status(container.id)).state is ContainerState.CREATED
        await runtime.remove_container(container.id)
        assert (await closed.finished(sandbox, "exit 3")).exit_code == 3


async def test_after_a_reboot_sandboxes_are_not_ready_and_containers_ended(closed: Node) -> None:
    """What is under the run folder is gone, and so are all processes."""
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        container = await closed.run(sandbox, "sleep 1000")
    monitor = int((closed.config.run_dir / "containers" / container.id / "conmon.pid").read_text())
    for pid in (monitor, container.pid):
        os.kill(pid, signal.SIGKILL)

    async def all_dead() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in (monitor, container.pid))

    await eventually(all_dead, "the processes are gone")
    run = closed.config.run_dir
    for mount in [*run.glob("sandboxes/*/*"), *run.glob("containers/*/rootfs")]:
        syscalls.unmount(mount)
    shutil.rmtree(run)
    async with closed.using() as runtime:
        assert [(each.state, each.ip) for each in await runtime.list_sandboxes()] == [(SandboxState.NOT_READY, "")]
        status = await runtime.container_status(container.id)
        assert (status.state, status.exit_code, status.reason) == (ContainerState.EXITED, 255, "Unknown")
        assert closed.leftovers() == [
            str(closed.config.data_dir / "containers" / container.id),
            str(closed.config.data_dir / "sandboxes" / sandbox.id),
        ]


async def test_a_damaged_record_costs_its_container_only(closed: Node) -> None:
    async with open_runtime(closed.config) as closed.runtime:
        sandbox = await closed.sandbox()
        one = await closed.finished(sandbox, "exit 1")
        two = await closed.finished(sandbox, "exit 2")
    (closed.config.data_dir / "containers" / one.id / "record.json").write_text("{")
    async with closed.using() as runtime:
        assert [each.id for each in await runtime.list_containers()] == [two.id]


async def runs_its_command(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0")


@pytest.mark.parametrize("round_number", range(6))
async def test_a_kill_at_any_moment(closed: Node, round_number: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    delay = random.Random(seed).uniform(0, 0.4)
    cgroup = f"{closed.cgroup}/kubepods/pod-victim"
    closed.cgroups.create(cgroup)
    config = closed.config
    told = {
        "run_dir": str(config.run_dir),
        "data_dir": str(config.data_dir),
        "image_store": str(config.image_store),
        "pod_cidr": config.pod_cidr,
        "node_ip": config.node_ip,
        "cgroup": cgroup,
    }
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.runtime_victim", json.dumps(told)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert victim.stdout is not None
    assert await victim.stdout.readline() == b"open\n"
    await asyncio.sleep(delay)
    victim.kill()
    await victim.wait()
    async with closed.using() as runtime:
        for status in await runtime.list_containers():
            assert status.state is not ContainerState.EXITED or status.reason in ("StartError", "Error")
            if status.state is ContainerState.RUNNING:
                await eventually(partial(runs_its_command, status.pid), "what is said to run does")
        ready = [each for each in await runtime.list_sandboxes() if each.state is SandboxState.READY]
        assert len({each.ip for each in ready}) == len(ready)
        sandbox = await closed.sandbox("after")
        assert (await closed.finished(sandbox, "exit 3")).exit_code == 3
    assert await left_in_the_end(closed) == []
