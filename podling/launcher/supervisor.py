"""The process that stays: starts the cluster's processes, starts again what dies, and powers nodes off and on.

One task per process. A process that keeps dying is started at growing intervals; one that stayed up starts over.
Its neighbours: `processes` says what to run, `control` lets people talk to it, `cleanup` ends it all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster.cgroups import Cgroups
from cluster.logs import get_logger
from podling.launcher import cgroups, cleanup, last_words, listeners, network, processes
from podling.launcher.listeners import Listeners
from podling.launcher.plan import CLUSTER_DNS, DNS_PORT, Cluster, Node
from podling.launcher.processes import Process

FIRST_RESTART_SECONDS = 0.1
MAX_RESTART_SECONDS = 10.0
# Who lived so long before it died is not failing to start.
STEADY_SECONDS = 10.0
TERM_SECONDS = 12.0
POD_TERM_SECONDS = 2.0
MAX_LOG_BYTES = 50 * 1024 * 1024
LOG_CHECK_SECONDS = 30.0

log = get_logger()

# Joins the cgroups named before "--", then becomes the command. Where memory ends, pods go first (upstream kubelet and
# kube-proxy, --oom-score-adj), if the machine lets us say so.
_JOIN = (
    'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; '
    '{ echo -999 > /proc/self/oom_score_adj; } 2> /dev/null; exec "$@"'
)


@dataclass(slots=True)
class Running:
    """A process being kept alive."""

    process: Process
    pid: int = 0
    restarts: int = 0
    wanted: bool = True
    restart_asked: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Owns every process of one cluster."""

    def __init__(self, cluster: Cluster, tell: Callable[[str], None]) -> None:
        self.cluster = cluster
        self.running: dict[str, Running] = {}
        self._cgroups = Cgroups.detect()
        self._tell = tell
        self._nodes_down: set[str] = set()
        self._listeners: dict[str, Listeners] = {}
        # A node is switched on or off, never both at once.
        self._power: dict[str, asyncio.Lock] = {node.name: asyncio.Lock() for node in cluster.nodes}

    async def start(self) -> None:
        """Make bridge, nodes and cgroups, and start everything. Raises NetworkFailure, CgroupFailure, OSError."""
        cluster = self.cluster
        network.create_bridge(cluster)
        for process in processes.control_plane(cluster):
            self._start_process(process)
        for process in (*processes.hollow(cluster), *processes.ingress(cluster)):
            self._start_process(process)
        for node in cluster.nodes:
            self._power_on(node)

    async def stop(self) -> None:
        """Stop every process in order: nodes, then what they talk to, then etcd."""
        await self._stop_all([name for name, running in self.running.items() if running.process.node])
        await self._stop_pods()
        for node in self.cluster.nodes:
            self._close_listeners(node.name)
        for names in (["scheduler", "controllers", "ingress", "ingress-proxy"], ["apiserver"], ["etcd"]):
            await self._stop_all([name for name in names if name in self.running])

    async def _stop_all(self, names: list[str]) -> None:
        await asyncio.gather(*(self._stop_process(name) for name in names))

    async def _stop_pods(self) -> None:
        """SIGTERM to the pods' processes, and a moment to heed it; what does not is killed with its cgroup."""
        paths = [f"{self.cluster.cgroup}/{node.name}/kubepods" for node in self.cluster.nodes]
        for path in paths:
            for pid in self._cgroups.pids(path):
                _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + POD_TERM_SECONDS
        # Polled: a v1 cgroup tells nobody when it empties.
        while any(map(self._cgroups.pids, paths)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def kill_node(self, name: str) -> None:
        """A power failure: the link goes dead, every process on the node is killed. Raises KeyError."""
        node = self._node(name)
        async with self._power[name]:
            if name in self._nodes_down:
                return
            self._nodes_down.add(name)
            for running in self._on_node(name):
                running.wanted = False
            network.cut_node(node)
            self._close_listeners(name)
            await asyncio.to_thread(cleanup.node, self.cluster, node)
            for running in self._on_node(name):
                await self._stop_process(running.process.name)

    async def start_node(self, name: str) -> None:
        """Power a killed node on again. Raises KeyError for no such node."""
        node = self._node(name)
        async with self._power[name]:
            if name in self._nodes_down:
                # A power-off or power-on that failed half way leaves something.
                self._close_listeners(name)
                await asyncio.to_thread(cleanup.node, self.cluster, node)
                self._power_on(node)
                self._nodes_down.discard(name)

    async def restart_process(self, name: str) -> None:
        """SIGTERM one process; its keeper starts it again at once. Raises KeyError for no such process."""
        running = self.running[name]
        running.restart_asked = True
        running.changed.set()
        if running.pid:
            _signal(running.pid, signal.SIGTERM)

    async def trim_logs(self) -> None:
        """Keep each log bounded: a full one becomes NAME.log.1 and starts anew."""
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for path in (self.cluster.dir / "log").glob("*.log"):
                try:
                    await asyncio.to_thread(trim_log, path, MAX_LOG_BYTES)
                except OSError as error:
                    log.warning("could not trim a log", file=str(path), reason=str(error))

    def _node(self, name: str) -> Node:
        for node in self.cluster.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def _close_listeners(self, name: str) -> None:
        sockets = self._listeners.pop(name, None)
        if sockets is not None:
            sockets.close()

    def _on_node(self, name: str) -> list[Running]:
        return [running for running in self.running.values() if running.process.node == name]

    def _power_on(self, node: Node) -> None:
        cluster = self.cluster
        network.create_node(cluster, node)
        path = f"{cluster.cgroup}/{node.name}"
        self._cgroups.create(path)
        self._cgroups.limit(path, cgroups.node_size(cluster.node_cpu, cluster.node_memory))
        sockets = listeners.open_in(network.netns_path(node), CLUSTER_DNS, DNS_PORT)
        self._listeners[node.name] = sockets
        for process in processes.on_node(cluster, node, sockets.descriptors, f"/proc/{os.getpid()}/ns/net"):
            self._start_process(process)

    def _start_process(self, process: Process) -> None:
        self._cgroups.create(process.cgroup)
        if process.cpu_shares:
            self._cgroups.limit(process.cgroup, cgroups.cpu_share(process.cpu_shares))
        running = Running(process)
        self.running[process.name] = running
        running.task = asyncio.create_task(self._keep(running), name=process.name)

    async def _stop_process(self, name: str) -> None:
        running = self.running[name]
        running.wanted = False
        running.changed.set()
        if running.task is None:
            return
        if running.pid:
            _signal(running.pid, signal.SIGTERM)
        _, late = await asyncio.wait([running.task], timeout=TERM_SECONDS)
        if late and running.pid:
            log.warning("killed a process that did not stop", process=name, after_seconds=TERM_SECONDS)
            _signal(running.pid, signal.SIGKILL)
            await asyncio.wait([running.task])

    async def _keep(self, running: Running) -> None:
        name, delay = running.process.name, FIRST_RESTART_SECONDS
        while running.wanted:
            started = time.monotonic()
            try:
                why = await self._run_once(running)
            except Exception as error:
                # Whatever it is, a keeper that ended would leave its process dead for good.
                why = f"cannot be run: {error!r}"
                log.exception("could not run a process", process=name)
            if not running.wanted:
                return
            running.restarts += 1
            steady = time.monotonic() - started > STEADY_SECONDS
            if steady or running.restart_asked:
                delay = FIRST_RESTART_SECONDS
            log.warning("a process ended", process=name, reason=why, asked=running.restart_asked)
            self._tell(f"{name} ended ({why}); starting it again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.changed.wait(), delay)
            delay = min(delay * 2, MAX_RESTART_SECONDS)
            running.restart_asked = False
            running.changed.clear()

    async def _run_once(self, running: Running) -> str:
        """Start the process and wait for its end; why it ended."""
        process = running.process
        path = self._log_file(process.name)
        if process.socket is not None:
            # One that was killed has left it behind, and nobody listens where something is.
            process.socket.unlink(missing_ok=True)
        with path.open("ab") as output:
            said = output.tell()
            child = await asyncio.create_subprocess_exec(
                *self._command(process),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=process.inherits,
                env={**_environment(), **dict(process.environment)},
                # Not where the command was typed: nothing of ours may hold that or write there.
                cwd=self.cluster.run_dir,
            )
        running.pid = child.pid
        if not running.wanted:
            # Who stopped it meanwhile had no process to tell.
            _signal(child.pid, signal.SIGTERM)
        try:
            code = await child.wait()
        finally:
            running.pid = 0
        # What is killed had nothing to say about it.
        return f"killed by signal {-code}" if code < 0 else last_words.of(path, said) or f"code {code}"

    def _command(self, process: Process) -> tuple[str, ...]:
        files = (str(file) for file in cgroups.procs_files(self._cgroups, process.cgroup))
        enter = ("nsenter", f"--net=/run/netns/{process.netns}") if process.netns else ()
        return ("/bin/sh", "-c", _JOIN, "sh", *files, "--", *enter, *process.argv)

    def _log_file(self, name: str) -> Path:
        return self.cluster.dir / "log" / f"{name}.log"


def _environment() -> dict[str, str]:
    """Our environment, with byte code kept: compiling anew at each start would double the time to be up.

    One malloc arena instead of one a thread: gRPC's threads hardly allocate, and each arena keeps megabytes.
    No docstrings: nobody reads them there, and they are two megabytes a process.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"MALLOC_ARENA_MAX": "1", "PYTHONOPTIMIZE": "2", **kept}


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def trim_log(path: Path, limit_bytes: int) -> None:
    """Empty a log that is full, once it is kept as NAME.log.1. Raises OSError."""
    if path.stat().st_size <= limit_bytes:
        return
    try:
        shutil.copyfile(path, path.with_suffix(".log.1"))
    finally:
        # Writers append to the same open file, so it is emptied, not renamed; on a full disk all the more.
        os.truncate(path, 0)
