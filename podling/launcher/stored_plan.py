"""DIR/cluster.json: a cluster's plan, made by its first `up` and kept for those after it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from podling.launcher import claims, network
from podling.launcher.errors import LauncherError
from podling.launcher.plan import (
    DEFAULT_IMAGE_STORE,
    MAX_HOLLOW_NODES,
    MAX_NODES,
    Cluster,
    Port,
    cluster_id,
    first_port,
)

FILE = "cluster.json"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `podling up` was asked for; None and "" leave what the directory says, or the default."""

    nodes: int | None = None
    node_cpu: float | None = None
    node_memory: int | None = None
    hollow_nodes: int | None = None
    hollow_node_cpu: float | None = None
    hollow_node_memory: int | None = None
    ingress: bool | None = None
    dual_stack: bool | None = None
    etcd_binary: str = ""
    etcd_endpoints: list[str] = []
    etcd_ca_file: str = ""
    etcd_cert_file: str = ""
    etcd_key_file: str = ""


def read(directory: Path) -> Cluster | None:
    """The plan of `directory`, or None when it has none. Raises LauncherError when it cannot be used."""
    directory = directory.resolve()
    path = directory / FILE
    try:
        cluster = msgspec.json.decode(path.read_bytes(), type=Cluster)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LauncherError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise LauncherError(
            f"{path} cannot be read: {error}; put it back from a copy, or remove {directory} to start anew"
        ) from None
    if cluster.dir != directory:
        raise LauncherError(
            f"the cluster in {directory} was made in {cluster.directory}, which its objects and certificates "
            "remember: move it back there"
        )
    return cluster


def update(directory: Path, options: Options) -> Cluster:
    """The plan with what is asked for now written over it, stored. Raises LauncherError, OSError."""
    before = read(directory)
    try:
        if before is None:
            cluster = _new(directory)
        else:
            cluster = before
            check_families(cluster, options)
            claims.renew(directory, before.network_index)
    except claims.Refused as error:
        raise LauncherError(str(error)) from None
    changes = {
        "node_count": options.nodes,
        "node_cpu": options.node_cpu,
        "node_memory": options.node_memory,
        "hollow_node_count": options.hollow_nodes,
        "hollow_node_cpu": options.hollow_node_cpu,
        "hollow_node_memory": options.hollow_node_memory,
        "ingress": options.ingress,
        "dual_stack": options.dual_stack,
        "etcd": options.etcd_binary or None,
        **_etcd_changes(options, before),
    }
    cluster = msgspec.structs.replace(cluster, **{name: value for name, value in changes.items() if value is not None})
    check_counts(cluster)
    if cluster != before:
        _write(directory / FILE, cluster)
    return cluster


def check_counts(cluster: Cluster) -> None:
    """Raises LauncherError for more nodes than there are addresses, or for none."""
    if not 0 <= cluster.hollow_node_count <= MAX_HOLLOW_NODES:
        raise LauncherError(f"--hollow-nodes must be between 0 and {MAX_HOLLOW_NODES}, not {cluster.hollow_node_count}")
    # A cluster of hollow nodes alone is one to schedule on.
    least = 0 if cluster.hollow_node_count else 1
    if not least <= cluster.node_count <= MAX_NODES:
        raise LauncherError(f"--nodes must be between {least} and {MAX_NODES}, not {cluster.node_count}")


def check_families(cluster: Cluster, options: Options) -> None:
    """Raises LauncherError when a cluster's IP families are to change: its nodes' objects remember their networks."""
    if options.dual_stack not in (None, cluster.dual_stack):
        there = "dual-stack" if cluster.dual_stack else "of IPv4 only"
        flag = "--dual-stack" if options.dual_stack else "--no-dual-stack"
        raise LauncherError(
            f"the cluster of {cluster.directory} was made {there}, for good: {flag} needs another --dir"
        )


def _etcd_changes(options: Options, before: Cluster | None) -> dict[str, object]:
    """Members and files of an external etcd may change; whose etcd it is may not: the objects are there."""
    if not options.etcd_endpoints:
        return {}
    if before is not None and not before.etcd_endpoints:
        raise LauncherError(
            f"the objects of {before.directory} are in its own etcd: --etcd-endpoints needs another --dir"
        )
    return {
        "etcd_endpoints": options.etcd_endpoints,
        "etcd_ca_file": options.etcd_ca_file,
        "etcd_cert_file": options.etcd_cert_file,
        "etcd_key_file": options.etcd_key_file,
    }


def _new(directory: Path) -> Cluster:
    index = claims.claim(directory, network.host_networks())
    port = first_port(index)
    total_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Cluster(
        id=cluster_id(directory),
        directory=str(directory),
        network_index=index,
        node_count=1,
        node_cpu=float(os.cpu_count() or 1),
        node_memory=min(4 * 1024**3, total_memory // 2),
        image_store=str(DEFAULT_IMAGE_STORE),
        grpc=f"127.0.0.1:{port + Port.GRPC}",
        rest=f"127.0.0.1:{port + Port.REST}",
    )


def _write(path: Path, cluster: Cluster) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(cluster), indent=2))
    temporary.replace(path)
