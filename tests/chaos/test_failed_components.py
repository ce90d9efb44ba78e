"""Components started by hand with something wrong: one line that says what, and exit 1."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import run
from tests.support.etcd import running_etcd
from tests.support.tls import TestAuthority

Failed = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def etcd_endpoint() -> Iterator[str]:
    with running_etcd() as member:
        yield member.endpoint


class Component:
    """`python -m MODULE` with flags that are right but for what the test changes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = TestAuthority(directory)
        self.pair = self.authority.issue("component")

    def identity(self) -> dict[str, str]:
        return {
            "ca-file": str(self.authority.ca_file),
            "cert-file": str(self.pair.cert_file),
            "key-file": str(self.pair.key_file),
        }

    def apiserver(self, **changes: str) -> Failed:
        return self.run("apiserver", self.apiserver_flags() | _flags(changes))

    def apiserver_flags(self) -> dict[str, str]:
        return {
            "etcd-endpoints": "http://127.0.0.1:1",
            "rest-address": "127.0.0.1:0",
            "grpc-address": "127.0.0.1:0",
            **self.identity(),
            "kubelet-client-cert-file": str(self.pair.cert_file),
            "kubelet-client-key-file": str(self.pair.key_file),
            "service-account-key-file": str(self.pair.key_file),
        }

    def client(self, module: str, **changes: str) -> Failed:
        """A component that calls the API server."""
        of_its_own = {
            "controllers": {"root-ca-file": str(self.authority.ca_file)},
            "kubelet": {
                "node-name": "here",
                "node-ip": "127.0.0.1",
                "data-dir": str(self.directory),
                "run-dir": str(self.directory),
            },
            "kubeproxy": {"node-name": "here"},
        }
        flags = {"apiserver": "127.0.0.1:1", **self.identity(), **of_its_own.get(module, {})}
        return self.run(module, flags | _flags(changes))

    def run(self, module: str, flags: dict[str, str]) -> Failed:
        return run(*command(module, flags), check=False, timeout=120)


def command(module: str, flags: dict[str, str]) -> list[str]:
    return [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in flags.items())]


def _flags(changes: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.fixture(scope="module", autouse=True)
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """An API server whose etcd is not there: it gives it some time, and we have other tests meanwhile."""
    flags = Component(tmp_path_factory.mktemp("waiting")).apiserver_flags()
    process = subprocess.Popen(command("apiserver", flags), stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def component(tmp_path: Path) -> Component:
    return Component(tmp_path)


def said(done: Failed) -> str:
    """The one line on standard error, of a process that gave up."""
    assert done.returncode == 1, done
    lines = [line for line in done.stderr.splitlines() if not line.startswith("timestamp=")]
    assert len(lines) == 1, done.stderr
    return lines[0]


FLAGS = ("ca_file", "cert_file", "key_file", "kubelet_client_cert_file", "service_account_key_file")


@pytest.mark.parametrize("flag", FLAGS)
def test_an_api_server_without_one_of_its_files(component: Component, tmp_path: Path, flag: str) -> None:
    path = tmp_path / "absent.pem"
    assert said(component.apiserver(**{flag: str(path)})) == f"apiserver: cannot read {path}: no such file"


@pytest.mark.parametrize("flag", FLAGS)
def test_an_api_server_with_a_file_of_garbage(component: Component, tmp_path: Path, flag: str) -> None:
    path = tmp_path / "garbage.pem"
    path.write_text("garbage")
    what = "private key" if "key_file" in flag else "certificate"
    assert said(component.apiserver(**{flag: str(path)})) == f"apiserver: {path} holds no {what}"


def test_an_api_server_with_the_key_of_another(component: Component) -> None:
    other = component.authority.issue("other").key_file
    line = said(component.apiserver(key_file=str(other)))
    assert line == f"apiserver: {component.pair.cert_file} and {other} are not a certificate and its key"


def test_an_api_server_with_a_directory_for_a_file(component: Component, tmp_path: Path) -> None:
    assert said(component.apiserver(ca_file=str(tmp_path))) == f"apiserver: cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize("flag", ["rest_address", "grpc_address", "status_address"])
def test_an_api_server_whose_port_is_taken(component: Component, etcd_endpoint: str, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        line = said(component.apiserver(etcd_endpoints=f"http://{etcd_endpoint}", **{flag: address}))
    assert address in line
    assert "Address already in use" in line
    assert line.endswith(f"; choose another --{flag.replace('_', '-')}")


@pytest.mark.parametrize("module", ["scheduler", "controllers", "kubelet", "kubeproxy"])
def test_a_component_with_a_file_of_garbage(component: Component, tmp_path: Path, module: str) -> None:
    path = tmp_path / "garbage.pem"
    path.write_text("garbage")
    assert said(component.client(module, cert_file=str(path))) == f"{module}: {path} holds no certificate"


def test_an_api_server_whose_etcd_is_not_there(waiting: subprocess.Popen[str]) -> None:
    _, errors = waiting.communicate(timeout=120)
    line = said(subprocess.CompletedProcess(waiting.args, waiting.returncode, "", errors))
    assert line.startswith("apiserver: etcd at 127.0.0.1:1 cannot be reached: ")
    assert line.endswith("; check --etcd-endpoints and the --etcd-*-file flags, and that etcd runs")
