"""`up` and `down`: one cluster's life, from the command's side.

`up` makes the plan and the certificates, clears what a crash left, starts the supervisor and watches until the cluster
is ready. Neighbours: `stored_plan` and `preflight` before that, `detached` (the supervisor's process) from then on.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from podling.launcher import cleanup, detached, ingress_class, lock, preflight, readiness, storage, stored_plan
from podling.launcher.errors import LauncherError, reason
from podling.launcher.lock import Lock
from podling.launcher.plan import DEFAULT_ETCD, RUN_ROOT, Cluster, cluster_id
from podling.launcher.stored_plan import Options

READY_SECONDS = 90.0
POLL_SECONDS = 0.03
# Thousands of nodes have work to do: they are asked less often, and given time.
HOLLOW_POLL_SECONDS = 0.25
HOLLOW_NODES_PER_SECOND = 40
STOP_SECONDS = 60.0
# Whatever the caller has: nobody else writes to what is made here, least of all to the sockets of etcd and supervisor.
UMASK = 0o022
# What ends a command from outside, beside Ctrl-C.
_ENDING = (signal.SIGTERM, signal.SIGHUP)

Tell = Callable[[str], None]


def up(directory: Path, options: Options, tell: Tell) -> Cluster:
    """Bring the cluster of `directory` up and return when it is ready. Raises LauncherError.

    A second `up` beside this one waits for it, and takes over when it gives up.
    """
    directory = directory.resolve()
    preflight.check_user()
    os.umask(UMASK)
    with _os_errors_as_lines(f"cannot start a cluster in {directory}"):
        _check_machine(directory, options)
        directory.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with lock.taken(directory) as ours:
                if ours is not None:
                    return _start(directory, options, ours, tell)
            cluster = _join(directory, options, tell, deadline)
            if cluster is not None:
                return cluster


def down(directory: Path, tell: Tell) -> None:
    """Stop the cluster of `directory` and remove everything of it but its data. Raises LauncherError.

    Needs no readable plan: what is on the machine is named after the directory.
    """
    directory = directory.resolve()
    if not (directory / stored_plan.FILE).is_file():
        raise LauncherError(f"{directory} holds no cluster")
    with _os_errors_as_lines(f"cannot stop the cluster of {directory}"):
        _stop(directory, tell)


def is_running(directory: Path) -> bool:
    """Whether a supervisor holds the directory."""
    return lock.held(directory)


def _stop(directory: Path, tell: Tell) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    asked: lock.Holder | None = None
    while True:
        with lock.taken(directory) as ours:
            if ours is not None:
                cleanup.cluster(cluster_id(directory), directory)
                return
        holder = lock.holder(directory)
        if holder is not None and asked is None and holder.signal(signal.SIGTERM):
            asked = holder
            tell("stopping")
        elif holder is not None and asked not in (None, holder):
            # The one we ended is gone: a later `up` has cleaned up after it and has the directory now.
            return
        if time.monotonic() > deadline and not (holder is not None and holder.signal(signal.SIGKILL)):
            raise LauncherError(f"another command is at work on {directory}: try again in a moment")
        time.sleep(POLL_SECONDS)


def _start(directory: Path, options: Options, ours: Lock, tell: Tell) -> Cluster:
    preflight.check_space(directory)
    cluster = stored_plan.update(directory, options)
    preflight.check_etcd_flags(cluster)
    preflight.check_files(cluster)
    preflight.check_families(cluster)
    # What a crash left may hold the cluster's own ports.
    cleanup.cluster(cluster.id, cluster.dir)
    preflight.check_ports(cluster)
    _prepare(cluster)
    with _ended_by_signals():
        progress: detached.Progress | None = None
        try:
            progress = detached.start(cluster, ours)
            ours.release()
            _remember(directory)
            _wait_ready(cluster, tell, progress.check, _ready_seconds(cluster))
        except BaseException:
            # Whoever asked gave up, or the cluster cannot start: leave nothing half up.
            with _uninterrupted():
                ours.release()
                _stop(directory, tell)
            raise
        finally:
            if progress is not None:
                progress.close()
    return cluster


def _check_machine(directory: Path, options: Options) -> None:
    before = stored_plan.read(directory)
    external = options.etcd_endpoints or (before is not None and before.etcd_endpoints)
    own = options.etcd_binary or (before.etcd if before is not None else "") or DEFAULT_ETCD
    preflight.check_machine("" if external else own)


def _prepare(cluster: Cluster) -> None:
    from podling.launcher import certificates

    certificates.ensure(cluster, datetime.datetime.now(datetime.UTC))
    (cluster.dir / "log").mkdir(exist_ok=True)
    (cluster.dir / "etcd").mkdir(exist_ok=True, mode=0o700)
    cluster.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def _ready_seconds(cluster: Cluster) -> float:
    """How long a cluster of this size may take to be up."""
    return READY_SECONDS + cluster.node_count + cluster.hollow_node_count / HOLLOW_NODES_PER_SECOND


def _wait_ready(cluster: Cluster, tell: Tell, check: Callable[[Tell], None], seconds: float) -> None:
    """Return when the cluster is up. `check` raises when it is pointless to wait on."""
    from podling.launcher.rest import Admin, Unavailable

    admin = Admin(cluster)
    deadline = time.monotonic() + seconds
    waiting: list[str] = []
    made_dns = False
    while True:
        check(tell)
        try:
            now_waiting = readiness.missing(cluster, admin)
            if not made_dns and now_waiting != ["the API server"]:
                readiness.ensure_kube_dns(admin)
                storage.ensure_storage(admin)
                if cluster.ingress:
                    ingress_class.ensure_ingress_classes(admin)
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
                f"not ready after {seconds:.0f} s, still waiting for {', '.join(waiting)}; see {cluster.dir}/log"
            )
        time.sleep(HOLLOW_POLL_SECONDS if cluster.hollow_node_count else POLL_SECONDS)


class _GivenUp(Exception):
    """Whoever had the directory has it no more."""


def _join(directory: Path, options: Options, tell: Tell, deadline: float) -> Cluster | None:
    """Wait for the cluster somebody else started; None when the directory is free again."""
    cluster = stored_plan.read(directory)
    if cluster is None or not (directory / "kubeconfig").is_file():
        if time.monotonic() > deadline:
            raise LauncherError(f"another command is at work on {directory}: try again in a moment")
        time.sleep(POLL_SECONDS)
        return None
    for flag, asked, there in (
        ("--nodes", options.nodes, cluster.node_count),
        ("--hollow-nodes", options.hollow_nodes, cluster.hollow_node_count),
    ):
        if asked not in (None, there):
            kind = "hollow nodes" if flag == "--hollow-nodes" else "nodes"
            raise LauncherError(f"the cluster is up with {there} {kind}: run `podling down` before changing {flag}")

    stored_plan.check_families(cluster, options)
    if options.ingress not in (None, cluster.ingress):
        now_up = "with" if cluster.ingress else "without"
        raise LauncherError(f"the cluster is up {now_up} an ingress: run `podling down` before changing that")

    def check(_: Tell) -> None:
        if not lock.held(directory):
            raise _GivenUp

    _power_on_nodes(cluster)
    try:
        _wait_ready(cluster, tell, check, _ready_seconds(cluster))
    except _GivenUp:
        return None
    _remember(directory)
    return cluster


def _power_on_nodes(cluster: Cluster) -> None:
    """Start nodes that were killed: a cluster that is up has all of its nodes. A supervisor still starting has none."""
    import grpc

    from podling.launcher import control

    with contextlib.suppress(grpc.RpcError):
        for node in cluster.nodes:
            control.start_node(cluster, node.name)


def _remember(directory: Path) -> None:
    RUN_ROOT.mkdir(parents=True, exist_ok=True)
    (RUN_ROOT / "last-dir").write_text(str(directory))


@contextlib.contextmanager
def _os_errors_as_lines(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LauncherError(f"{what}: {reason(error)}") from error


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind as Ctrl-C does, instead of ending us in mid-air."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up is bounded in time; being interrupted in it would leave what it is to remove."""
    numbers = (signal.SIGINT, *_ENDING)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
