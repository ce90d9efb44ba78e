"""`up` and `down`: one cluster's life, from the command's side.

`up` makes the plan and the certificates, clears what a crash left, forks the supervisor and watches until the cluster
is ready. The supervisor holds a lock on DIR/launcher.lock for as long as it lives: that is how everyone else knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from podling.errors import CommandError
from podling.launcher import claims, cleanup, network, readiness
from podling.launcher.plan import (
    DEFAULT_IMAGE_STORE,
    MAX_NODES,
    RUN_ROOT,
    Cluster,
    Port,
    cluster_id,
    first_port,
)

READY_SECONDS = 90.0
POLL_SECONDS = 0.03
STOP_SECONDS = 60.0
# A process that died this often before the cluster was ever ready is not going to make it.
MAX_EARLY_DEATHS = 3
NEEDED_TOOLS = ("ip", "nsenter", "unshare", "runc", "conmon", "nft", "busybox")

Tell = Callable[[str], None]


class LauncherError(CommandError):
    """The command cannot be carried out; the message says why and what to do."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `podling up` was asked for; None leaves what the directory says, or the default."""

    nodes: int | None = None
    node_cpu: float | None = None
    node_memory: int | None = None
    etcd_binary: str = ""
    etcd_endpoints: list[str] = []
    etcd_ca_file: str = ""
    etcd_cert_file: str = ""
    etcd_key_file: str = ""


def read_cluster(directory: Path) -> Cluster | None:
    """The plan in DIR/cluster.json, or None when there is none."""
    try:
        return msgspec.json.decode((directory / "cluster.json").read_bytes(), type=Cluster)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, NotADirectoryError) as error:
        raise LauncherError(f"{directory}/cluster.json cannot be read: {error}") from None


def up(directory: Path, options: Options, tell: Tell) -> Cluster:
    """Bring the cluster of `directory` up and return when it is ready. Raises LauncherError."""
    _check_machine(options)
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with _lock(directory) as lock:
        if lock is None:
            return _wait_for_running(directory, options, tell)
        cluster = _plan(directory, options)
        _prepare(cluster)
        pipe, pid = _fork_supervisor(cluster, options, lock)
    _remember(directory)
    try:
        _wait_ready(cluster, tell, _Progress(pipe, pid))
    except BaseException:
        # Whoever asked gave up, or the cluster cannot start: leave nothing half up.
        down(directory, tell)
        raise
    finally:
        os.close(pipe)
    return cluster


def down(directory: Path, tell: Tell) -> None:
    """Stop the cluster of `directory` and remove everything of it but its data. Raises LauncherError."""
    directory = directory.resolve()
    cluster = read_cluster(directory)
    if cluster is None:
        raise LauncherError(f"{directory} holds no cluster")
    deadline = time.monotonic() + STOP_SECONDS
    asked = False
    while True:
        with _lock(directory) as lock:
            if lock is not None:
                cleanup.cluster(cluster)
                return
        if not asked:
            tell("stopping")
            with contextlib.suppress(ProcessLookupError):
                os.kill(_supervisor_pid(directory), signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(_supervisor_pid(directory), signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def is_running(directory: Path) -> bool:
    """Whether a supervisor holds the directory."""
    with _lock(directory) as lock:
        return lock is None


def _check_machine(options: Options) -> None:
    if os.geteuid() != 0:
        raise LauncherError("nodes are network namespaces and cgroups, which only root can make: run this as root")
    tools = [*NEEDED_TOOLS] if options.etcd_endpoints else [*NEEDED_TOOLS, options.etcd_binary or "etcd"]
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if absent:
        raise LauncherError(f"this machine lacks {', '.join(absent)}: run `make setup`")


def _plan(directory: Path, options: Options) -> Cluster:
    """The directory's plan with what is asked for now written over it."""
    before = read_cluster(directory)
    if before is None:
        cluster = _new_plan(directory, options)
    else:
        changes = {
            "node_count": options.nodes,
            "node_cpu": options.node_cpu,
            "node_memory": options.node_memory,
        }
        cluster = msgspec.structs.replace(
            before, **{name: value for name, value in changes.items() if value is not None}
        )
    if not 1 <= cluster.node_count <= MAX_NODES:
        raise LauncherError(f"--nodes must be between 1 and {MAX_NODES}, not {cluster.node_count}")
    temporary = directory / "cluster.json.new"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(cluster), indent=2))
    temporary.replace(directory / "cluster.json")
    return cluster


def _new_plan(directory: Path, options: Options) -> Cluster:
    try:
        index = claims.claim(directory, network.host_networks())
    except claims.NoneFree as error:
        raise LauncherError(str(error)) from None
    port = first_port(index)
    total_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Cluster(
        id=cluster_id(directory),
        directory=str(directory),
        network_index=index,
        node_count=options.nodes or 1,
        node_cpu=options.node_cpu or float(os.cpu_count() or 1),
        node_memory=options.node_memory or min(4 * 1024**3, total_memory // 2),
        image_store=str(DEFAULT_IMAGE_STORE),
        grpc=f"127.0.0.1:{port + Port.GRPC}",
        rest=f"127.0.0.1:{port + Port.REST}",
        etcd_endpoints=options.etcd_endpoints,
        etcd_ca_file=options.etcd_ca_file,
        etcd_cert_file=options.etcd_cert_file,
        etcd_key_file=options.etcd_key_file,
    )


def _prepare(cluster: Cluster) -> None:
    from podling.launcher import certificates

    try:
        cleanup.cluster(cluster)
        certificates.ensure(cluster, datetime.datetime.now(datetime.UTC))
        (cluster.dir / "log").mkdir(exist_ok=True)
        cluster.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        etcd_data = cluster.dir / "etcd"
        etcd_data.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise LauncherError(f"cannot prepare {cluster.dir}: {error.strerror or error}") from error


def _fork_supervisor(cluster: Cluster, options: Options, lock: IO[str]) -> tuple[int, int]:
    """Fork the process that stays. Returns the pipe it tells its progress through, and its pid."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    os.close(reader)
    code = 1
    try:
        os.setsid()
        _redirect_output(cluster.dir / "log" / "launcher.log")
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        asyncio.run(_supervise(cluster, options.etcd_binary or "etcd", writer))
        code = 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(writer, f"!{error}\n".encode())
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


async def _supervise(cluster: Cluster, etcd_binary: str, progress: int) -> None:
    from cluster import logs
    from podling.launcher.supervisor import Supervisor

    logs.configure("launcher", "info", "text")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    def tell(line: str) -> None:
        # The command may be gone long since; then nobody needs to be told.
        with contextlib.suppress(OSError):
            os.write(progress, f"{line}\n".encode())

    supervisor = Supervisor(cluster, etcd_binary, tell)
    await supervisor.start()
    # gRPC is imported only now: the cluster's processes start meanwhile.
    from podling.launcher import control

    server = await control.serve(supervisor)
    trimming = asyncio.create_task(supervisor.trim_logs())
    await stopping.wait()
    trimming.cancel()
    await server.stop(grace=1.0)
    await supervisor.stop()
    cleanup.cluster(cluster)


class _Progress:
    """What the supervisor told so far."""

    def __init__(self, pipe: int, pid: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._pid = pid
        self._deaths: dict[str, int] = {}

    def check(self, tell: Tell) -> None:
        """Pass on what is new. Raises LauncherError when the cluster cannot come up."""
        try:
            text = os.read(self._pipe, 64 * 1024).decode(errors="replace")
        except BlockingIOError:
            return
        for line in text.splitlines():
            if line.startswith("!"):
                raise LauncherError(f"the launcher failed: {line[1:]}")
            name = line.split(" ", 1)[0]
            self._deaths[name] = self._deaths.get(name, 0) + 1
            if self._deaths[name] >= MAX_EARLY_DEATHS:
                raise LauncherError(line.removesuffix("; starting it again"))
            tell(line)
        if os.waitpid(self._pid, os.WNOHANG)[0]:
            raise LauncherError("the launcher ended at once; see log/launcher.log in the cluster's directory")


def _wait_ready(cluster: Cluster, tell: Tell, progress: _Progress | None) -> None:
    from podling.launcher.rest import Admin, Unavailable

    admin = Admin(cluster)
    deadline = time.monotonic() + READY_SECONDS + cluster.node_count
    waiting: list[str] = []
    made_dns = False
    while True:
        if progress is not None:
            progress.check(tell)
        try:
            now_waiting = readiness.missing(cluster, admin)
            if not made_dns and now_waiting != ["the API server"]:
                readiness.ensure_kube_dns(admin)
                made_dns = True
        except Unavailable:
            now_waiting = ["the API server"]
        if not now_waiting:
            admin.close()
            return
        if now_waiting != waiting:
            waiting = now_waiting
            tell(f"waiting for {', '.join(waiting[:4])}{' …' if len(waiting) > 4 else ''}")
        if time.monotonic() > deadline:
            raise LauncherError(
                f"not ready after {READY_SECONDS:.0f} s, still waiting for {', '.join(waiting)}; see {cluster.dir}/log"
            )
        time.sleep(POLL_SECONDS)


def _wait_for_running(directory: Path, options: Options, tell: Tell) -> Cluster:
    cluster = read_cluster(directory)
    if cluster is None:
        raise LauncherError(f"another `podling up` is at work on {directory}: try again in a moment")
    if options.nodes not in (None, cluster.node_count):
        raise LauncherError(
            f"the cluster is up with {cluster.node_count} nodes: run `podling down` before changing --nodes"
        )
    _power_on_nodes(cluster)
    _wait_ready(cluster, tell, None)
    _remember(directory)
    return cluster


def _power_on_nodes(cluster: Cluster) -> None:
    """Start nodes that were killed: a cluster that is up has all of its nodes. A supervisor still starting has none."""
    import grpc

    from podling.launcher import control

    with contextlib.suppress(grpc.RpcError):
        for node in cluster.nodes:
            control.start_node(cluster, node.name)


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[IO[str] | None]:
    """The directory's lock, or None when a supervisor (or another command) has it."""
    with (directory / "launcher.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file


def _supervisor_pid(directory: Path) -> int:
    text = (directory / "launcher.lock").read_text().strip()
    if not text:
        raise LauncherError(f"another command is at work on {directory}: try again in a moment")
    return int(text)


def _redirect_output(path: Path) -> None:
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def _remember(directory: Path) -> None:
    RUN_ROOT.mkdir(parents=True, exist_ok=True)
    (RUN_ROOT / "last-dir").write_text(str(directory))
