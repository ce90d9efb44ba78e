"""What cannot start says so in one line that tells what to do, exits with 1 and leaves nothing running."""

from __future__ import annotations

import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podling.launcher.plan import Port
from podling.launcher.preflight import TOOLS
from tests.support.cluster import PODLING, Cluster, run


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that was up once."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("stopped")))
    cluster.up()
    cluster.down()
    yield cluster
    assert cluster.leaks() == []


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Cluster]:
    """A directory that holds no cluster yet."""
    cluster = Cluster(tmp_path / "new")
    yield cluster
    assert cluster.leaks() == []


def refused(cluster: Cluster, *flags: str, env: dict[str, str] | None = None) -> str:
    """The one line with which `up` failed."""
    done = run(str(PODLING), "up", "--dir", str(cluster.directory), *flags, env=env, check=False, timeout=150)
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("podling: "), done.stderr
    # Progress before it is indented.
    assert all(line.startswith("  ") for line in lines[:-1]), done.stderr
    return lines[-1].removeprefix("podling: ")


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A small file system of the test's own."""
    directory.mkdir()
    run("mount", "-t", "tmpfs", "-o", options, "none", str(directory))
    try:
        yield
    finally:
        run("umount", str(directory))


@contextmanager
def spoilt(path: Path, content: bytes) -> Iterator[None]:
    """A file with something else in it."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def test_not_root(new: Cluster) -> None:
    line = "podling: nodes are network namespaces and cgroups, which only root can make: run this as root\n"
    command = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(PODLING), "up")
    done = run(*command, "--dir", str(new.directory), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


@pytest.mark.parametrize("offset", [Port.REST, Port.GRPC, Port.ETCD_CLIENT, Port.SCHEDULER_STATUS])
def test_a_port_is_taken(stopped: Cluster, offset: int) -> None:
    port = int(stopped.server.rpartition(":")[2]) + offset
    with socket.create_server(("127.0.0.1", port)):
        line = refused(stopped)
    assert line.startswith(f"port {port} of 127.0.0.1, which this cluster uses for its ")
    assert "is taken by another process: stop that one" in line


@pytest.mark.parametrize("missing", ["runc", "conmon", "etcd"])
def test_a_program_is_missing(new: Cluster, tmp_path: Path, missing: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in {*TOOLS, "etcd"} - {missing}:
        (programs / name).symlink_to(shutil.which(name) or "")
    assert refused(new, env={"PATH": str(programs)}) == f"this machine lacks {missing}: run `make setup`"


def test_an_etcd_that_is_not_there_or_cannot_be_executed(new: Cluster, tmp_path: Path) -> None:
    binary = tmp_path / "etcd"
    advice = "name another with `podling up --etcd`"
    assert refused(new, "--etcd", str(binary)) == f"the etcd binary {binary} is not there: {advice}"
    binary.touch(0o644)
    assert refused(new, "--etcd", str(binary)) == f"the etcd binary {binary} cannot be executed: {advice}"
    binary.write_text("#!/bin/sh\necho not today >&2\nexit 3\n")
    binary.chmod(0o755)
    assert refused(new, "--etcd", str(binary)) == "etcd ended (not today)"
    binary.write_bytes(b"\x7fELF garbage")
    assert "etcd ended (" in refused(new, "--etcd", str(binary))


def test_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "full", "size=10M"):
        cluster = Cluster(tmp_path / "full" / "cluster")
        assert refused(cluster) == (
            f"the disk of {cluster.directory} has 10 MB left, a cluster needs 256 MB: "
            "make room, or choose another --dir"
        )
        assert cluster.leaks() == []


def test_a_disk_that_is_written_to_the_last_byte(stopped: Cluster, tmp_path: Path) -> None:
    """Too full even for the plan."""
    with mounted(tmp_path / "full", "size=300M,nr_inodes=3"):
        cluster = Cluster(tmp_path / "full" / "cluster")
        line = refused(cluster)
        assert line.startswith(f"cannot start a cluster in {cluster.directory}: ")
        assert line.endswith(": No space left on device")
        assert cluster.leaks() == []


def test_a_read_only_directory(tmp_path: Path) -> None:
    with mounted(tmp_path / "fixed", "ro"):
        directory = tmp_path / "fixed" / "cluster"
        assert refused(Cluster(directory)) == (
            f"cannot start a cluster in {directory}: {directory}: Read-only file system"
        )


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(Cluster(tmp_path / "file")) == f"{tmp_path}/file/cluster.json cannot be read: Not a directory"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]", b'{"id": "x"}'])
def test_a_plan_of_garbage(stopped: Cluster, content: bytes) -> None:
    with spoilt(stopped.directory / "cluster.json", content):
        line = refused(stopped)
        assert line.startswith(f"{stopped.directory}/cluster.json cannot be read: ")
        assert line.endswith(f"; put it back from a copy, or remove {stopped.directory} to start anew")
        # What is on the machine can be taken away all the same.
        stopped.down()


def test_a_directory_that_was_moved(stopped: Cluster, tmp_path: Path) -> None:
    moved = Cluster(tmp_path / "moved")
    shutil.copytree(stopped.directory, moved.directory)
    assert refused(moved) == (
        f"the cluster in {moved.directory} was made in {stopped.directory}, which its objects and certificates "
        "remember: move it back there"
    )


@pytest.mark.parametrize(
    ("name", "what", "else_do"),
    [
        ("ca.crt", "holds no certificate", "remove {pki} to have every certificate made anew"),
        ("ca.key", "holds no private key", "remove {pki} to have every certificate made anew"),
        ("sa.key", "holds no private key", "remove it to have one made anew: tokens signed so far then end"),
    ],
)
def test_what_only_its_owner_can_put_back(stopped: Cluster, name: str, what: str, else_do: str) -> None:
    pki = stopped.directory / "pki"
    with spoilt(pki / name, b"-----BEGIN CERTIFICATE-----\nnonsense\n"):
        advice = else_do.format(pki=pki)
        assert refused(stopped) == f"{pki / name} {what}: put it back from a copy, or {advice}"


def test_a_caller_without_a_umask_opens_nothing_to_others(stopped: Cluster) -> None:
    """Who may write to etcd's or the supervisor's socket has the cluster."""
    command = [str(PODLING), "up", "--dir", str(stopped.directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, umask=0)
    try:
        assert done.returncode == 0, done
        sockets = [path for path in (Path("/run/podling") / stopped.id).iterdir() if path.is_socket()]
        assert len(sockets) >= 2
        assert [path for path in sockets if stat.S_IMODE(path.stat().st_mode) & 0o022] == []
    finally:
        stopped.down()


def test_a_broken_certificate_of_ours_is_made_anew(stopped: Cluster) -> None:
    pki = stopped.directory / "pki"
    (pki / "apiserver.crt").write_bytes(b"garbage")
    (pki / "scheduler.key").unlink()
    shutil.copy(pki / "admin.key", pki / "kubelet-node-1.key")
    before = (pki / "controllers.crt").read_bytes()
    stopped.up()
    try:
        assert (pki / "controllers.crt").read_bytes() == before
        assert stopped.podling("status").returncode == 0
    finally:
        stopped.down()


@pytest.mark.parametrize("number", ["0", "-1", "251"])
def test_an_impossible_number_of_nodes(new: Cluster, number: str) -> None:
    assert refused(new, "--nodes", number) == f"--nodes must be between 1 and 250, not {number}"


def test_an_etcd_of_others_whose_certificate_is_not_there(new: Cluster, tmp_path: Path) -> None:
    flags = ("--etcd-endpoints", "https://127.0.0.1:1", "--etcd-ca-file", str(tmp_path / "none.crt"))
    assert refused(new, *flags) == (
        f"{tmp_path}/none.crt cannot be read: it was named by an --etcd-*-file flag of `podling up`"
    )
