"""A real etcd in a temporary directory, on free loopback ports, ended by its pid."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port

START_SECONDS = 60.0


class Etcd:
    """One member; `kill` and `start` again keep its ports and data.

    With `tls`, a directory that holds ca.crt and the pair etcd.crt, etcd.key, it insists on client certificates.
    """

    def __init__(self, directory: Path, tls: Path | None = None) -> None:
        self.directory = directory
        self._tls = tls
        self.port = free_port()
        self.peer_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        scheme = "https" if self._tls else "http"
        client, peer = f"{scheme}://{self.endpoint}", f"http://127.0.0.1:{self.peer_port}"
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "etcd",
                    f"--data-dir={self.directory / 'data'}",
                    f"--listen-client-urls={client}",
                    f"--advertise-client-urls={client}",
                    f"--listen-peer-urls={peer}",
                    f"--initial-advertise-peer-urls={peer}",
                    f"--initial-cluster=default={peer}",
                    "--heartbeat-interval=50",
                    "--election-timeout=250",
                    "--unsafe-no-fsync",
                    "--log-level=error",
                    *self._tls_flags("--trusted-ca-file", "--cert-file", "--key-file"),
                    *(["--client-cert-auth"] if self._tls else []),
                ],
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    def kill(self) -> None:
        """kill -9, and reap."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _tls_flags(self, authority: str, certificate: str, key: str) -> list[str]:
        if self._tls is None:
            return []
        names = {authority: "ca.crt", certificate: "etcd.crt", key: "etcd.key"}
        return [f"{flag}={self._tls / name}" for flag, name in names.items()]

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            probe = subprocess.run(
                [
                    "etcdctl",
                    f"--endpoints={self.endpoint}",
                    *self._tls_flags("--cacert", "--cert", "--key"),
                    "endpoint",
                    "health",
                ],
                env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/local/bin"},
                capture_output=True,
            )
            if probe.returncode == 0:
                return
        pytest.fail(f"etcd did not become ready: {(self.directory / 'log').read_text()[-2000:]}")


@contextmanager
def running_etcd() -> Iterator[Etcd]:
    """An empty etcd, killed at the end."""
    with tempfile.TemporaryDirectory(prefix="podling-etcd-") as directory:
        member = Etcd(Path(directory))
        member.start()
        try:
            yield member
        finally:
            member.kill()


@pytest.fixture
def etcd() -> Iterator[Etcd]:
    """An empty etcd, running."""
    with running_etcd() as member:
        yield member
