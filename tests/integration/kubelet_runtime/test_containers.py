"""Containers from creation to removal, by real conmon and runc."""

import asyncio
import os
import re
import signal
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from images.store import Store
from kubelet.runtime.base import (
    ContainerState,
    ImageNotPresent,
    InvalidConfig,
    Mount,
    NotFound,
    NotRunning,
    Resources,
    RuntimeFailure,
    SecurityContext,
    StartFailure,
)
from kubelet.runtime.oci.runtime import open_runtime
from tests.support.images import Member, docker_archive, tar
from tests.support.runtime import Node, eventually


async def test_a_container_runs_logs_and_ends(node: Node) -> None:
    sandbox = await node.sandbox(hostname="web-0")
    created = await node.open.create_container(node.spec(sandbox, "hostname; echo $A >&2; exit 3", env={"A": "b c"}))
    assert (created.state, created.started_at, created.pid) == (ContainerState.CREATED, 0, 0)
    assert re.fullmatch(r"docker\.io/library/busybox@sha256:[0-9a-f]{64}", created.image_id)
    started = await node.open.start_container(created.id)
    assert started.started_at > created.created_at
    ended = await node.ended(created.id)
    assert (ended.exit_code, ended.reason, ended.pod_uid) == (3, "Error", "uid-pod")
    assert ended.finished_at > started.created_at
    lines = sorted((node.logs / "pod/0.log").read_text().splitlines(), key=lambda line: line.split()[1])
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)"
    assert re.fullmatch(rf"{stamp} stderr F b c", lines[0])
    assert re.fullmatch(rf"{stamp} stdout F web-0", lines[1])


async def test_the_end_of_a_container_is_an_event(node: Node) -> None:
    sandbox = await node.sandbox()
    events = node.open.events()
    container = await node.run(sandbox, "exit 0")
    async with asyncio.timeout(60):
        event = await anext(events)
    assert (event.container_id, event.sandbox_id, event.pod_uid) == (container.id, sandbox.id, "uid-pod")
    status = await node.open.container_status(container.id)
    assert (status.state, status.reason, status.exit_code) == (ContainerState.EXITED, "Completed", 0)


async def test_the_image_says_what_to_run_and_the_container_overrides_it(node: Node) -> None:
    sandbox = await node.sandbox()
    await node.finished(
        sandbox,
        "-c",
        "import sys; print(sys.version_info[0])",
        image="python",
        command=["python3"],
        args=["-c", "import os; print(os.environ['LANG'], os.getcwd())"],
        working_dir="/tmp",
    )
    assert node.log(sandbox) == ["C.UTF-8 /tmp"]


async def test_stopping_sends_the_stop_signal_first(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.obeying(sandbox, "echo bye; exit 5")
    await node.open.stop_container(container.id, 60)
    status = await node.open.container_status(container.id)
    assert (status.exit_code, status.state) == (5, ContainerState.EXITED)
    assert node.log(sandbox) == ["up", "bye"]
    await node.open.stop_container(container.id, 60)


async def test_another_signal_can_be_asked_for(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.obeying(sandbox, "exit 6", "USR1")
    await node.open.stop_container(container.id, 60, "SIGUSR1")
    assert (await node.open.container_status(container.id)).exit_code == 6


async def test_who_does_not_listen_is_killed_with_all_its_processes(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "trap '' TERM; (while :; do sleep 0.1; done) & while :; do sleep 0.1; done")
    await node.open.stop_container(container.id, 0.1)
    status = await node.open.container_status(container.id)
    assert (status.exit_code, status.reason) == (137, "Error")
    assert node.cgroups.pids(f"{node.cgroup}/kubepods/pod-pod/{container.id}") == set()


async def test_out_of_memory(node: Node) -> None:
    sandbox = await node.sandbox()
    greedy = "exec python3 -c 'x = bytearray(256 << 20)'"
    limit = Resources(memory_limit_bytes=32 << 20)
    status = await node.finished(sandbox, greedy, image="python", resources=limit)
    assert (status.exit_code, status.reason, status.oom_killed) == (137, "OOMKilled", True)
    assert not os.path.lexists("oom"), "conmon's mark is left where the kubelet stands"
    survived = greedy.removeprefix("exec ") + "; exit 9"
    status = await node.finished(sandbox, survived, image="python", resources=limit)
    if node.cgroups.unified:
        assert status.reason == "OOMKilled"
    else:
        assert (status.exit_code, status.reason, status.oom_killed, status.oom_kills) == (9, "Error", False, 1)


async def test_a_command_that_is_not_there(node: Node) -> None:
    sandbox = await node.sandbox()
    created = await node.open.create_container(node.spec(sandbox, command=["no-such-command"]))
    with pytest.raises(StartFailure, match='exec: "no-such-command": executable file not found in \\$PATH'):
        await node.open.start_container(created.id)
    status = await node.open.container_status(created.id)
    assert (status.state, status.exit_code, status.reason, status.started_at) == (
        ContainerState.EXITED,
        128,
        "StartError",
        0,
    )
    assert "executable file not found" in status.message
    with pytest.raises(StartFailure, match="was started before"):
        await node.open.start_container(created.id)


async def test_what_cannot_be_made_is_refused_and_leaves_nothing(node: Node) -> None:
    sandbox = await node.sandbox()
    with pytest.raises(ImageNotPresent, match="nowhere"):
        await node.open.create_container(node.spec(sandbox, "true", image="nowhere"))
    with pytest.raises(InvalidConfig, match="invalid reference format"):
        await node.open.create_container(node.spec(sandbox, "true", image="Bad Name"))
    with pytest.raises(InvalidConfig, match="does not exist"):
        missing = Mount(host_path="/no/such/path", container_path="/m")
        await node.open.create_container(node.spec(sandbox, "true", mounts=[missing]))
    with pytest.raises(NotFound):
        await node.open.create_container(node.spec(sandbox, "true", sandbox_id="gone"))
    assert await node.open.list_containers() == []
    assert [path for path in node.leftovers() if "/containers/" in path] == []


async def test_mounts(node: Node, tmp_path: Path) -> None:
    sandbox = await node.sandbox(resolv_conf="nameserver 192.0.2.1\n")
    (tmp_path / "volume").mkdir()
    (tmp_path / "file").write_text("mine\n")
    mounts = [
        Mount(host_path=str(tmp_path / "volume"), container_path="/data/rw"),
        Mount(host_path=str(tmp_path / "volume"), container_path="/data/ro", readonly=True),
        Mount(host_path=str(tmp_path / "file"), container_path="/etc/hosts"),
    ]
    program = "cat /etc/hosts /etc/resolv.conf /etc/hostname; echo x > /data/rw/f; touch /data/ro/g 2>&1 || echo no"
    await node.finished(sandbox, program, mounts=mounts)
    assert node.log(sandbox) == [
        "mine",
        "nameserver 192.0.2.1",
        "pod",
        "touch: /data/ro/g: Read-only file system",
        "no",
    ]
    assert (tmp_path / "volume/f").read_text() == "x\n"


async def test_security(node: Node) -> None:
    sandbox = await node.sandbox()
    security = SecurityContext(
        uid=1234,
        gid=55,
        supplemental_groups=[66],
        drop_capabilities=["ALL"],
        readonly_root=True,
        no_new_privileges=True,
    )
    program = "id -u; id -g; id -G; touch /x; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; cat /proc/kcore"
    # On one stream: two may be logged in any order.
    await node.finished(sandbox, f"exec 2>&1; {program}", security=security)
    log = node.log(sandbox)
    assert log[:3] == ["1234", "55", "55 66"]
    text = "\n".join(log)
    assert "touch: /x: Read-only file system" in text
    assert "CapBnd:\t0000000000000000" in text and "NoNewPrivs:\t1" in text and "Seccomp:\t2" in text


async def test_the_default_profile_forbids_making_namespaces(node: Node) -> None:
    sandbox = await node.sandbox()
    await node.finished(sandbox, "unshare -n true; unshare -U true", security=SecurityContext())
    assert all("Operation not permitted" in line for line in node.log(sandbox))


async def test_a_privileged_container_sees_devices_and_may_mount(node: Node) -> None:
    sandbox = await node.sandbox()
    program = (
        "test -c /dev/kmsg && mount -t tmpfs none /mnt 2>/dev/null; mkdir /m && mount -t tmpfs none /m && echo yes"
    )
    await node.finished(sandbox, program, security=SecurityContext(privileged=True))
    assert node.log(sandbox)[-1] == "yes"


async def test_limits_reach_the_kernel_and_can_be_changed(node: Node) -> None:
    sandbox = await node.sandbox()
    limits = Resources(cpu_shares=512, cpu_quota=20_000, cpu_period=100_000, memory_limit_bytes=64 << 20, pids_limit=77)
    container = await node.run(sandbox, "sleep 1000", resources=limits)
    cgroup = f"{node.cgroup}/kubepods/pod-pod/{container.id}"
    read = (
        (lambda controller, old, new: (node.cgroups.v2 / cgroup[1:] / new).read_text().split()[0])
        if node.cgroups.unified
        else (lambda controller, old, new: (node.cgroups.v1[controller] / cgroup[1:] / old).read_text().strip())
    )
    assert read("memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert read("cpu", "cpu.cfs_quota_us", "cpu.max") == "20000"
    assert read("pids", "pids.max", "pids.max") == "77"
    await node.open.update_container_resources(container.id, Resources(memory_limit_bytes=128 << 20))
    assert read("memory", "memory.limit_in_bytes", "memory.max") == str(128 << 20)


async def test_stats(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "dd if=/dev/zero of=/big bs=1k count=512 2>/dev/null; echo done; sleep 1000")
    await eventually(lambda: _logged(node, sandbox, "done"), "it has written")
    stats = (await node.open.stats([container.id, "gone"]))[container.id]
    assert stats.cpu_usage_nanoseconds > 0 and stats.pids >= 1
    assert 0 < stats.memory_working_set_bytes <= stats.memory_usage_bytes
    assert stats.writable_layer_bytes >= 512 << 10


async def test_what_a_container_writes_is_its_own_and_is_deleted(node: Node) -> None:
    sandbox = await node.sandbox()
    first = await node.finished(sandbox, "echo x > /written; ls -d /written")
    await node.finished(sandbox, "ls -d /written 2>/dev/null || echo clean", attempt=1)
    assert node.log(sandbox)[-1] == "clean"
    await node.open.remove_container(first.id)
    assert [path for path in node.leftovers() if first.id in path] == []
    with pytest.raises(NotFound):
        await node.open.container_status(first.id)
    await node.open.remove_container(first.id)


async def test_a_log_can_be_rotated(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done")
    log = node.logs / "pod/0.log"
    await eventually(lambda: _logged(node, sandbox, "3"), "it logs")
    log.rename(log.with_suffix(".1"))
    await node.open.reopen_log(container.id)

    async def again() -> bool:
        return log.exists() and log.stat().st_size > 0

    await eventually(again, "it logs to a new file")
    await node.open.stop_container(container.id, 0)
    numbers = [line.split()[3] for file in (log.with_suffix(".1"), log) for line in file.read_text().splitlines()]
    assert numbers == [str(number + 1) for number in range(len(numbers))]


async def test_a_container_dies_with_its_monitor(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "sleep 1000")
    monitor = int((node.config.run_dir / "containers" / container.id / "conmon.pid").read_text())
    os.kill(monitor, signal.SIGKILL)
    status = await node.ended(container.id)
    assert (status.exit_code, status.reason) == (137, "Error")
    assert "monitor" in status.message

    async def gone() -> bool:
        return not node.cgroups.exists(f"{node.cgroup}/kubepods/pod-pod/{container.id}")

    await eventually(gone, "its processes are gone")


async def test_calls_that_need_a_running_container_say_so(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.finished(sandbox, "true")
    for call in (
        node.open.exec(container.id, ["true"]),
        node.open.exec_sync(container.id, ["true"], 1),
        node.open.attach(container.id),
        node.open.reopen_log(container.id),
    ):
        with pytest.raises(NotRunning, match="container 'main' is not running"):
            await call
    with pytest.raises(NotFound):
        await node.open.exec_sync("gone", ["true"], 1)


async def test_many_at_once(node: Node) -> None:
    async def pod(number: int) -> str:
        sandbox = await node.sandbox(f"p{number}")
        status = await node.finished(sandbox, f"exit {number}")
        assert status.exit_code == number
        return sandbox.ip

    addresses = await asyncio.gather(*(pod(number) for number in range(8)))
    assert len(set(addresses)) == 8


async def test_a_caller_that_gives_up_leaves_nothing_half_done(node: Node) -> None:
    sandbox = await node.sandbox()
    created = await node.open.create_container(node.spec(sandbox, "sleep 1000"))
    start = asyncio.create_task(node.open.start_container(created.id))
    await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await node.open.stop_container(created.id, 0)
    status = await node.open.container_status(created.id)
    assert (status.state, status.exit_code) == (ContainerState.EXITED, 137)


async def test_the_root_folder_looks_as_the_image_has_it(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "sleep 1000")
    mode = (node.config.run_dir / "containers" / container.id / "rootfs").stat().st_mode
    assert stat.S_IMODE(mode) == 0o755


async def test_other_users_of_the_machine_see_nothing_of_it(node: Node) -> None:
    sandbox = await node.sandbox()
    await node.finished(sandbox, "id -u", security=SecurityContext(uid=1234))
    assert node.log(sandbox) == ["1234"]
    folders = [node.config.run_dir, node.config.data_dir]
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for folder in folders for name in ("containers", "sandboxes")]
    assert modes == [0o700] * 4


async def test_a_machine_without_runc_says_so(node: Node) -> None:
    with pytest.raises(RuntimeFailure, match="no-runc is not installed: apt-get install runc"):
        async with open_runtime(replace(node.config, runc="no-runc")):
            pass


async def _logged(node: Node, sandbox: object, line: str) -> bool:
    try:
        return line in node.log(sandbox)  # type: ignore[arg-type]
    except FileNotFoundError:
        return False


async def test_an_image_of_very_many_layers(node: Node, tmp_path: Path) -> None:
    """More layers than one page of mount options can name by full path."""
    shell = tar(*layer_of(node, "bin/busybox"), Member("bin/sh", "busybox", tarfile.SYMTYPE))
    layers = [shell, *(tar(Member(f"l{number}", f"{number}\n".encode())) for number in range(120))]
    (tmp_path / "many.tar").write_bytes(docker_archive(layers, ["many"]))
    store = Store(tmp_path / ("store" + "x" * 60))
    store.load(tmp_path / "many.tar")
    async with node.using(node.elsewhere(image_store=store.root, pod_cidr="10.78.0.0/24")):
        sandbox = await node.sandbox("many")
        status = await node.finished(sandbox, "read a < /l0; read b < /l119; exit $((a + b))", image="many")
        assert status.exit_code == 119


@pytest.mark.parametrize("readonly", [False, True])
async def test_an_images_volumes_are_there_and_can_be_written(node: Node, tmp_path: Path, readonly: bool) -> None:
    shell = tar(Member("bin/sh", mode=0o755), *layer_of(node, "bin/sh"), Member("here/kept", b"kept\n"))
    volumes: dict[str, dict[str, str]] = {"/here": {}, "/new/deep/": {}, "/mounted": {}}
    (tmp_path / "image.tar").write_bytes(docker_archive([shell], ["volumes"], Volumes=volumes))
    Store(node.config.image_store).load(tmp_path / "image.tar")
    (tmp_path / "given").mkdir()
    write = "read a < /here/kept; echo $a > /new/deep/a; echo x > /here/x; echo y > /mounted/y"
    status = await node.finished(
        sandbox := await node.sandbox(),
        f"{write}; read b < /new/deep/a; echo $b",
        image="volumes",
        mounts=[Mount(host_path=str(tmp_path / "given"), container_path="/mounted/")],
        security=SecurityContext(readonly_root=readonly),
    )
    assert status.exit_code == 0
    assert node.log(sandbox) == ["kept"]
    assert (tmp_path / "given/y").read_text() == "y\n"


async def test_a_volume_where_the_image_has_a_file_is_refused(node: Node, tmp_path: Path) -> None:
    shell = tar(*layer_of(node, "bin/sh"), Member("here", b"a file"))
    (tmp_path / "image.tar").write_bytes(docker_archive([shell], ["odd"], Volumes={"/here/below": {}}))
    Store(node.config.image_store).load(tmp_path / "image.tar")
    with pytest.raises(InvalidConfig, match="cannot make its image's volume"):
        await node.open.create_container(node.spec(await node.sandbox(), "true", image="odd"))
    assert await node.open.list_containers() == []


def layer_of(node: Node, path: str) -> list[Member]:
    busybox = Store(node.config.image_store).resolve("busybox").layers[0] / path
    return [Member(path, busybox.read_bytes(), mode=0o755)]
