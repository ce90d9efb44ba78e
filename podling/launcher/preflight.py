"""What must be so before a cluster can start: said in one line beforehand, instead of found out from logs."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from podling.launcher.errors import LauncherError
from podling.launcher.plan import DEFAULT_ETCD, Cluster, Port, first_port

TOOLS = ("ip", "nsenter", "unshare", "runc", "conmon", "nft", "busybox")
# etcd reserves 64 MB for its log at once and again when that is full; pods write too.
LEAST_FREE_BYTES = 256 * 1024**2
IPV6 = Path("/proc/sys/net/ipv6")
_ENDPOINT = re.compile(r"unix:///\S+|(https?://)?[^/\s]+:\d{1,5}/?")

_USERS = {
    Port.REST: "its REST API",
    Port.GRPC: "its gRPC API",
    Port.ETCD_CLIENT: "its etcd",
    Port.ETCD_PEER: "its etcd",
    Port.APISERVER_STATUS: "its API server's status",
    Port.SCHEDULER_STATUS: "its scheduler's status",
    Port.CONTROLLERS_STATUS: "its controllers' status",
    Port.SCHEDULER_GRPC: "its scheduler's explanations",
    Port.INGRESS_STATUS: "its ingress' status",
}


def check_user() -> None:
    """Raises LauncherError for anyone but root."""
    if os.geteuid() != 0:
        raise LauncherError("nodes are network namespaces and cgroups, which only root can make: run this as root")


def check_machine(etcd_binary: str) -> None:
    """`etcd_binary`: "" when etcd is somebody else's to run. Raises LauncherError."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if etcd_binary == DEFAULT_ETCD and shutil.which(etcd_binary) is None:
        absent.append(etcd_binary)
    if absent:
        raise LauncherError(f"this machine lacks {', '.join(absent)}: run `make setup`")
    if etcd_binary and shutil.which(etcd_binary) is None:
        what = "cannot be executed" if Path(etcd_binary).exists() else "is not there"
        raise LauncherError(f"the etcd binary {etcd_binary} {what}: name another with `podling up --etcd`")


def check_families(cluster: Cluster) -> None:
    """Raises LauncherError when the kernel lacks a family that is wanted."""
    if cluster.dual_stack and not IPV6.is_dir():
        raise LauncherError("this machine's kernel has no IPv6: start the cluster without --dual-stack")


def check_space(directory: Path) -> None:
    """Raises LauncherError when the disk is too full to begin with."""
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise LauncherError(
            f"the disk of {directory} has {free // 1024**2} MB left, a cluster needs {LEAST_FREE_BYTES // 1024**2} MB: "
            "make room, or choose another --dir"
        )


def check_etcd_flags(cluster: Cluster) -> None:
    """Raises LauncherError when an external etcd cannot be spoken to as the plan says."""
    schemes = {endpoint.partition("://")[0] for endpoint in cluster.etcd_endpoints if "://" in endpoint}
    if "https" in schemes and not cluster.etcd_ca_file:
        raise LauncherError("--etcd-endpoints with https needs --etcd-ca-file, the authority of etcd's certificate")
    if bool(cluster.etcd_cert_file) != bool(cluster.etcd_key_file):
        raise LauncherError("--etcd-cert-file and --etcd-key-file belong together: give both or neither")
    wrong = [endpoint for endpoint in cluster.etcd_endpoints if not _ENDPOINT.fullmatch(endpoint)]
    if wrong:
        raise LauncherError(f"--etcd-endpoints: {wrong[0]!r} is not an address such as https://10.0.0.1:2379")


def check_files(cluster: Cluster) -> None:
    """Raises LauncherError when an external etcd's PEM files cannot be read."""
    for name in (cluster.etcd_ca_file, cluster.etcd_cert_file, cluster.etcd_key_file):
        if name and not os.access(name, os.R_OK):
            raise LauncherError(f"{name} cannot be read: it was named by an --etcd-*-file flag of `podling up`")


def index_is_free(network_index: int) -> bool:
    """Whether the ports a cluster of this index would listen on are."""
    first = first_port(network_index)
    return all(_port_is_free(first + offset) for offset in _USERS)


def check_ports(cluster: Cluster) -> None:
    """Raises LauncherError when another process listens where this cluster's are about to."""
    for offset in _ports(cluster):
        port = cluster.port(offset)
        if not _port_is_free(port):
            raise LauncherError(
                f"port {port} of 127.0.0.1, which this cluster uses for {_USERS[offset]}, is taken by another process: "
                "stop that one (`ss -ltnp` names it), or choose another --dir"
            )


def _port_is_free(port: int) -> bool:
    """Whether one could listen on it, on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _ports(cluster: Cluster) -> Iterable[int]:
    unused = {Port.ETCD_CLIENT, Port.ETCD_PEER} if cluster.etcd_endpoints else set()
    if not cluster.ingress:
        unused.add(Port.INGRESS_STATUS)
    return [offset for offset in _USERS if offset not in unused]
