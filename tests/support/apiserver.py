"""A running API server: its own process, a cluster authority, an admin's gRPC client and the REST address."""

from __future__ import annotations

import datetime
import http.client
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster import pki
from cluster.client import Client
from cluster.connection import Connection, open_channel
from tests.support.etcd import Etcd, running_etcd
from tests.support.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOPBACK = ("127.0.0.1", "localhost")


class Authority:
    """A cluster's certificates in one directory, as the launcher makes them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._now = datetime.datetime.now(datetime.UTC)
        self._authority = pki.create_authority(directory, "ca", "test-ca", self._now)
        pki.create_signing_key(directory, "sa")
        self.issue("apiserver", "kube-apiserver", sans=LOOPBACK)
        self.issue("kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",))
        self.issue("admin", "kubernetes-admin", ("system:masters",))

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.crt"

    def issue(
        self, name: str, common_name: str, organizations: Sequence[str] = (), sans: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """Certificate and key files of an identity."""
        pair = pki.issue(
            self._authority,
            self.directory,
            name,
            common_name,
            self._now,
            organizations=organizations,
            sans=sans,
        )
        return pair.cert_file, pair.key_file

    def issue_node(self, node: str) -> tuple[Path, Path]:
        """The identity of a node's kubelet."""
        return self.issue(f"kubelet-{node}", f"system:node:{node}", ("system:nodes",), (*LOOPBACK, node))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Apiserver:
    """One API server process; `kill` and `start` again keep its ports."""

    def __init__(self, directory: Path, etcd: Etcd, authority: Authority) -> None:
        self.authority = authority
        self.rest_port = free_port()
        self.grpc_port = free_port()
        self.status_port = free_port()
        self.log_file = directory / "apiserver.log"
        self._etcd = etcd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def rest_url(self) -> str:
        return f"https://127.0.0.1:{self.rest_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def flags(self) -> list[str]:
        pki_directory = self.authority.directory
        return [
            f"--etcd-endpoints=http://{self._etcd.endpoint}",
            "--etcd-exclusive=true",
            f"--rest-address=127.0.0.1:{self.rest_port}",
            f"--grpc-address={self.grpc_address}",
            f"--status-address=127.0.0.1:{self.status_port}",
            f"--ca-file={self.authority.ca_file}",
            f"--cert-file={pki_directory / 'apiserver.crt'}",
            f"--key-file={pki_directory / 'apiserver.key'}",
            f"--kubelet-client-cert-file={pki_directory / 'kubelet-client.crt'}",
            f"--kubelet-client-key-file={pki_directory / 'kubelet-client.key'}",
            f"--service-account-key-file={pki_directory / 'sa.key'}",
        ]

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", "apiserver", *self.flags()], stdout=log, stderr=log)
        self._wait_ready()

    def kill(self) -> None:
        """kill -9, and reap."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        return code

    def connection(self, identity: str = "admin") -> Connection:
        directory = self.authority.directory
        return Connection(
            self.grpc_address,
            self.authority.ca_file,
            directory / f"{identity}.crt",
            directory / f"{identity}.key",
        )

    def tls(self, identity: str | None = "admin") -> ssl.SSLContext:
        """For REST clients; without an identity no certificate is shown."""
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if identity is not None:
            directory = self.authority.directory
            context.load_cert_chain(directory / f"{identity}.crt", directory / f"{identity}.key")
        return context

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        identity: str | None = "admin",
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One REST request on a connection of its own; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.rest_port, timeout=60, context=self.tls(identity))
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            sent = {"Content-Type": content_type} if data is not None else {}
            connection.request(method, path, data, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def log(self) -> str:
        return self.log_file.read_text()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                if self.request("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail(f"the API server did not become ready:\n{self.log()[-4000:]}")


@contextmanager
def running_apiserver(etcd: Etcd) -> Iterator[Apiserver]:
    """A ready API server, killed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="podling-apiserver-"))
    server = Apiserver(directory, etcd, Authority(directory / "pki"))
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


@pytest.fixture
def apiserver(etcd: Etcd) -> Iterator[Apiserver]:
    """A ready API server on an empty etcd."""
    with running_apiserver(etcd) as server:
        yield server


@pytest.fixture(scope="module")
def shared_apiserver() -> Iterator[Apiserver]:
    """One for all tests of a module, which use names of their own."""
    with running_etcd() as member, running_apiserver(member) as server:
        yield server


@pytest.fixture
async def client(apiserver: Apiserver) -> AsyncIterator[Client]:
    """The cluster admin over gRPC."""
    async with open_channel(apiserver.connection()) as channel:
        client = Client(channel)
        yield client
        await client.close()
