"""`podling up`, `down`, `status`, `node` and `restart`: what a person types, and what they are shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from podling import directory
from podling.errors import CommandError
from podling.launcher import lifecycle, stored_plan
from podling.launcher.plan import Cluster
from podling.launcher.stored_plan import Options
from podling.tabular import columns

Dir = Annotated[
    Path | None, Parameter(name="--dir", help="The cluster's directory (default: PODLING_DIR, else the last).")
]

# A node's kubelet and kube-proxy are within its memory, with some 95 MB; pods want some too.
LEAST_NODE_MEMORY = 128 * 1024**2

node_app = App(name="node", help="Switch emulated nodes off and on.")


def up(
    *,
    dir: Dir = None,
    nodes: int | None = None,
    node_cpu: str | None = None,
    node_memory: str | None = None,
    hollow_nodes: int | None = None,
    hollow_node_cpu: str | None = None,
    hollow_node_memory: str | None = None,
    ingress: bool | None = None,
    dual_stack: bool | None = None,
    etcd: str = "",
    etcd_endpoints: str = "",
    etcd_ca_file: str = "",
    etcd_cert_file: str = "",
    etcd_key_file: str = "",
) -> None:
    """Start a cluster, or bring a stopped or crashed one back; returns when every node is Ready and DNS answers.

    Parameters
    ----------
    nodes
        How many emulated nodes (default: as before, else 1).
    node_cpu
        Cores of a node, as a quantity: 2, 500m (default: the machine's).
    node_memory
        Memory of a node, as a quantity: 2Gi, 512Mi (default: 4Gi, at most half the machine's).
    hollow_nodes
        How many simulated nodes beside them, whose pods have no processes (default: as before, else 0).
    hollow_node_cpu
        Cores of a simulated node (default: 32).
    hollow_node_memory
        Memory of a simulated node (default: 256Gi).
    ingress
        Let HTTP in by Ingresses, on an address of the cluster's own (default: as before, else not).
    dual_stack
        Give nodes, pods and Services IPv6 addresses beside their IPv4 ones; chosen once a cluster (default: not).
    etcd
        The etcd binary (default: the one on PATH).
    etcd_endpoints
        An external etcd instead: URLs, separated by commas.
    etcd_ca_file
        The external etcd's authority.
    etcd_cert_file
        Our certificate towards the external etcd.
    etcd_key_file
        Its key.
    """
    options = Options(
        nodes=nodes,
        node_cpu=_cores(node_cpu, "--node-cpu"),
        node_memory=_bytes(node_memory),
        hollow_nodes=hollow_nodes,
        hollow_node_cpu=_cores(hollow_node_cpu, "--hollow-node-cpu"),
        hollow_node_memory=_hollow_bytes(hollow_node_memory),
        ingress=ingress,
        dual_stack=dual_stack,
        etcd_binary=_absolute(etcd) if "/" in etcd else etcd,
        etcd_endpoints=[endpoint for endpoint in etcd_endpoints.split(",") if endpoint],
        etcd_ca_file=_absolute(etcd_ca_file),
        etcd_cert_file=_absolute(etcd_cert_file),
        etcd_key_file=_absolute(etcd_key_file),
    )
    started = time.monotonic()
    cluster = lifecycle.up(_directory_to_start(dir), options, _tell)
    print(f"up: {_counts(cluster)} ready after {time.monotonic() - started:.1f} s")
    if cluster.ingress:
        print(f"  Ingresses are at http://{cluster.ingress_address}")
    print(f"  export KUBECONFIG={cluster.dir}/kubeconfig")


def down(*, dir: Dir = None) -> None:
    """Stop a cluster and remove every process, mount, namespace, link and cgroup of it; its data stays."""
    path = directory.resolve(dir)
    lifecycle.down(path, _tell)
    print(f"down: {path} keeps the data")


def status(*, dir: Dir = None) -> None:
    """List each process: pid, node, address, health, resident memory, restarts. Exits 1 unless all are well."""
    from podling.launcher import control

    cluster = _running(directory.resolve(dir))
    with _supervisor_errors():
        answer = control.status(cluster)
    header = ("NAME", "PID", "NODE", "ADDRESS", "HEALTH", "RSS", "RESTARTS")
    rows = [
        (
            process.name,
            str(process.pid or "-"),
            process.node or "-",
            process.address,
            process.health,
            f"{process.rss_bytes / 1e6:.1f}MB" if process.pid else "-",
            str(process.restarts),
        )
        for process in answer.processes
    ]
    print(columns(header, rows))
    if any(process.health != "ok" for process in answer.processes):
        sys.exit(1)


@node_app.command
def kill(name: str, *, dir: Dir = None) -> None:
    """Cut a node off and kill everything on it, as a power failure would."""
    from podling.launcher import control

    cluster = _running(directory.resolve(dir))
    with _supervisor_errors():
        control.kill_node(cluster, name)
    print(f"node {name} killed")


@node_app.command
def start(name: str, *, dir: Dir = None) -> None:
    """Power a killed node on again."""
    from podling.launcher import control

    cluster = _running(directory.resolve(dir))
    with _supervisor_errors():
        control.start_node(cluster, name)
    print(f"node {name} started")


def restart(process: str, *, dir: Dir = None) -> None:
    """Stop one process (a name `podling status` shows) with SIGTERM; it is started again at once."""
    from podling.launcher import control

    cluster = _running(directory.resolve(dir))
    with _supervisor_errors():
        control.restart_process(cluster, process)
    print(f"{process} restarting")


def _directory_to_start(given: Path | None) -> Path:
    try:
        return directory.resolve(given)
    except CommandError:
        raise CommandError("say where the cluster is to live: `podling up --dir DIR`") from None


def _running(path: Path) -> Cluster:
    cluster = stored_plan.read(path)
    if cluster is None:
        raise CommandError(f"{path} holds no cluster: start one with `podling up --dir {path}`")
    if not lifecycle.is_running(path):
        raise CommandError(f"the cluster of {path} is down: start it with `podling up --dir {path}`")
    return cluster


@contextmanager
def _supervisor_errors() -> Iterator[None]:
    """The supervisor's refusals as one line."""
    import grpc

    try:
        yield
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise CommandError("the cluster is just starting or stopping: ask again in a moment") from None
        raise CommandError(error.details() or str(error.code())) from None


def _absolute(name: str) -> str:
    """A file's name as it is everywhere: the next `up` may be typed elsewhere."""
    return str(Path(name).absolute()) if name else ""


def _counts(cluster: Cluster) -> str:
    """How many nodes there are, in words."""
    counts = {"node": cluster.node_count, "hollow node": cluster.hollow_node_count}
    return " and ".join(f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counts.items() if count)


def _cores(text: str | None, flag: str) -> float | None:
    from api import quantity

    return None if text is None else _positive(text, flag, quantity.milli) / 1000


def _hollow_bytes(text: str | None) -> int | None:
    from api import quantity

    return None if text is None else _positive(text, "--hollow-node-memory", quantity.whole)


def _bytes(text: str | None) -> int | None:
    from api import quantity

    if text is None:
        return None
    value = _positive(text, "--node-memory", quantity.whole)
    if value < LEAST_NODE_MEMORY:
        raise CommandError(
            f"--node-memory must be at least 128Mi, not {text}: a node's own processes need most of that"
        )
    return value


def _positive(text: str, flag: str, parse: Callable[[str], int]) -> int:
    try:
        value = parse(text)
    except ValueError as error:
        raise CommandError(f"{flag}: {text!r} is not a quantity ({error})") from None
    if value <= 0:
        raise CommandError(f"{flag} must be more than 0, not {text}")
    return value


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
