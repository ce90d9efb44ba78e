"""A kubelet that cannot do its job says so in one line and exits with 1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import kernel_mounts
from tests.support.kubelet_node import LISTEN_PORT, NodeUnderTest


def failed_start(node: NodeUnderTest, directory: Path, **flags: str) -> str:
    """Start a second kubelet in the node's namespace; what it says at its end."""
    pki = node.apiserver.authority.directory
    given = {
        "apiserver": f"{node.host_ip}:{node.apiserver.grpc_port}",
        "ca-file": str(pki / "ca.crt"),
        "cert-file": str(pki / "kubelet.crt"),
        "key-file": str(pki / "kubelet.key"),
        "node-name": "second",
        "node-ip": node.node_ip,
        "pod-cidr": "10.217.9.0/24",
        "data-dir": str(directory / "data"),
        "run-dir": str(directory / "run"),
        "cgroup-root": f"{node.cgroup_root}/second",
        "listen": f"{node.node_ip}:0",
        **flags,
    }
    command = ["nsenter", f"--net=/run/netns/{node.netns.name}", sys.executable, "-m", "kubelet"]
    done = subprocess.run(
        [*command, *(f"--{name}={value}" for name, value in given.items())], capture_output=True, text=True, timeout=90
    )
    kernel_mounts.unmount_under(directory)
    assert done.returncode == 1, done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_port_that_is_taken(node: NodeUnderTest, tmp_path: Path) -> None:
    address = f"{node.node_ip}:{LISTEN_PORT}"
    said = failed_start(node, tmp_path, listen=address)
    assert said == f"kubelet: cannot listen on {address}: Address already in use; choose another --listen"


def test_a_certificate_that_is_missing(node: NodeUnderTest, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.crt")
    assert failed_start(node, tmp_path, **{"cert-file": missing}) == f"kubelet: cannot read {missing}: no such file"


@pytest.mark.parametrize("flag", ["data-dir", "run-dir"])
def test_a_folder_that_cannot_be_made(node: NodeUnderTest, tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").touch()
    said = failed_start(node, tmp_path, **{flag: str(tmp_path / "file" / "below")})
    assert said.startswith(f"kubelet: cannot use {tmp_path}/file/below")
    assert said.endswith("Not a directory")
