"""What the processes we start listen on, and whom they listen to."""

from __future__ import annotations

from pathlib import Path

import pytest

from podling.launcher.processes import control_plane, on_node
from tests.support.plans import plan

CLUSTER = plan()


def flags(name: str) -> dict[str, str]:
    processes = [
        *control_plane(CLUSTER),
        *(process for node in CLUSTER.nodes for process in on_node(CLUSTER, node)),
    ]
    process = next(process for process in processes if process.name == name)
    pairs = (word.removeprefix("--").partition("=") for word in process.argv if word.startswith("--"))
    return {flag: value for flag, _, value in pairs}


@pytest.mark.parametrize("port", ["client", "peer"])
def test_nobody_speaks_to_etcd_without_a_certificate_of_its_authority(port: str) -> None:
    """A write is a message on the peer port as well as a request on the client port."""
    etcd = flags("etcd")
    prefix = "" if port == "client" else "peer-"
    authority = str(Path("/c/pki/etcd/ca.crt"))
    assert all(url.startswith(("https://127.0.0.1:", "unix://")) for url in etcd[f"listen-{port}-urls"].split(","))
    assert etcd[f"{prefix}client-cert-auth"] == "true"
    assert etcd[f"{prefix}trusted-ca-file"] == authority
    assert etcd[f"{prefix}cert-file"].endswith(".crt")
    assert etcd[f"{prefix}key-file"].endswith(".key")


def test_etcds_socket_lies_where_only_root_gets_and_the_api_server_uses_it() -> None:
    """`lifecycle` makes the cluster's run directory with mode 0700; etcd's working directory is that one."""
    [name] = [url for url in flags("etcd")["listen-client-urls"].split(",") if url.startswith("unix://")]
    assert "/" not in name.removeprefix("unix://")
    assert flags("apiserver")["etcd-endpoints"] == f"unix://{CLUSTER.run_dir}/{name.removeprefix('unix://')}"


def test_everything_listens_on_loopback_or_the_clusters_own_network_only() -> None:
    names = ["apiserver", "scheduler", "controllers", "kubelet-node-1", "kube-proxy-node-1"]
    listening = [
        address
        for name in names
        for flag, value in flags(name).items()
        if flag in ("rest-address", "grpc-address", "status-address", "listen")
        for address in value.split(",")
    ]
    assert len(listening) == 11
    assert all(address.startswith(("127.0.0.1:", "10.130.0.")) for address in listening)
