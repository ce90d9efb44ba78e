"""`podling logs` and `exec` as processes: real gRPC with certificates, real pipes, a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import orjson
import pytest

from api import errors
from cluster.connection import server_credentials
from cluster.grpc_errors import STATUS_METADATA
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from cluster.pb import streams_pb2 as streams
from cluster.pb import streams_pb2_grpc as streams_grpc
from tests.support.tls import TestAuthority

PODLING = Path(sys.executable).parent / "podling"
POD = {"metadata": {"name": "web", "namespace": "default"}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}}


class Objects(pb_grpc.ObjectsServicer):
    def Get(self, request: pb.GetRequest, context: grpc.ServicerContext) -> pb.Object:
        if request.target.name != "web":
            status = errors.NotFound("pods", request.target.name).to_status()
            context.set_trailing_metadata(((STATUS_METADATA, orjson.dumps(status)),))
            context.abort(grpc.StatusCode.NOT_FOUND, "not found")
        return pb.Object(raw=orjson.dumps(POD))


class Streams(streams_grpc.PodStreamsServicer):
    """Logs say what was asked for; commands are understood by their first word."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def Logs(self, request: streams.LogsRequest, context: grpc.ServicerContext) -> Iterator[streams.LogChunk]:
        yield streams.LogChunk(data=f"{request.container} {request.tail_lines} {request.since_seconds}\n".encode())
        while request.follow and context.is_active():
            yield streams.LogChunk(data=b"more\n")
            time.sleep(0.01)

    def Exec(
        self, requests: Iterator[streams.StreamInput], context: grpc.ServicerContext
    ) -> Iterator[streams.StreamOutput]:
        start = next(requests).start
        if start.command[0] == "fail":
            yield streams.StreamOutput(exit=streams.ExitStatus(error="no such file: fail"))
            return
        yield streams.StreamOutput(stdout=f"tty={start.tty} {start.container}\n".encode())
        yield streams.StreamOutput(stderr=b"" if start.tty else b"a remark\n")
        for request in requests:
            kind = request.WhichOneof("message")
            if kind == "resize":
                self.sizes.append((request.resize.width, request.resize.height))
            elif kind == "stdin" and b"q" not in request.stdin:
                yield streams.StreamOutput(stdout=request.stdin.upper())
            else:
                break
        yield streams.StreamOutput(exit=streams.ExitStatus(code=int(start.command[-1])))


@pytest.fixture
def pod_streams() -> Streams:
    return Streams()


@pytest.fixture
def cluster(tmp_path: Path, pod_streams: Streams) -> Iterator[Path]:
    """A cluster's directory, and a server behind it."""
    authority = TestAuthority(tmp_path / "pki")
    own = authority.issue("apiserver")
    authority.issue("admin", "kubernetes-admin", organizations=("system:masters",))
    server = grpc.server(ThreadPoolExecutor(8))
    pb_grpc.add_ObjectsServicer_to_server(Objects(), server)
    streams_grpc.add_PodStreamsServicer_to_server(pod_streams, server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(authority.ca_file, own.cert_file, own.key_file))
    server.start()
    (tmp_path / "cluster.json").write_text(json.dumps({"grpc": f"127.0.0.1:{port}", "id": "x"}))
    yield tmp_path
    server.stop(None).wait()


def podling(directory: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PODLING_DIR": str(directory)}
    return subprocess.run([PODLING, *words], input=stdin, capture_output=True, env=environment, timeout=90)


def test_logs_of_the_first_container_unless_told_otherwise(cluster: Path) -> None:
    done = podling(cluster, "logs", "web", "--tail", "5", "--since", "2m")
    assert (done.returncode, done.stdout) == (0, b"a 5 120\n")
    assert done.stderr == b'Defaulted container "a" out of: a, b\n'
    assert podling(cluster, "logs", "pod/web", "-c", "b").stdout == b"b 0 0\n"
    assert podling(cluster, "logs", "web", "--all-containers", "--prefix").stdout.splitlines() == [
        b"[pod/web/a] a 0 0",
        b"[pod/web/b] b 0 0",
    ]


def test_following_a_log_ends_quietly_when_nobody_reads_on(cluster: Path) -> None:
    environment = {**os.environ, "PODLING_DIR": str(cluster)}
    with subprocess.Popen(
        [PODLING, "logs", "-f", "web", "-c", "a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"a 0 0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_following_a_log_ends_quietly_on_ctrl_c(cluster: Path) -> None:
    environment = {**os.environ, "PODLING_DIR": str(cluster)}
    with subprocess.Popen(
        [PODLING, "logs", "-f", "web", "-c", "a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"a 0 0\n"
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read() == b""
        assert process.wait(60) == 130


def test_exec_passes_streams_and_exit_code_on(cluster: Path) -> None:
    done = podling(cluster, "exec", "-i", "web", "-c", "b", "--", "run", "-x", "7", stdin=b"abc")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"tty=False b\nABC", b"a remark\n")


def test_exec_says_why_a_command_could_not_be_run(cluster: Path) -> None:
    done = podling(cluster, "exec", "web", "-c", "a", "--", "fail")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"podling: no such file: fail\n")
    assert podling(cluster, "exec", "web", "-c", "x", "--", "run").stderr == (
        b"podling: container x is not in pod web: it has a, b\n"
    )
    assert podling(cluster, "exec", "web").stderr.startswith(b"podling: say what to run")
    assert podling(cluster, "exec", "other", "--", "run").stderr == b'podling: pods "other" not found\n'


def test_exec_gives_the_person_s_terminal_over_and_back(cluster: Path, pod_streams: Streams) -> None:
    environment = {**os.environ, "PODLING_DIR": str(cluster)}
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    before = termios.tcgetattr(terminal)
    command = [PODLING, "exec", "-it", "web", "-c", "a", "--", "run", "3"]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        _read_until(controller, b"tty=True a")
        os.write(controller, b"\x03x")  # Ctrl-C is the remote process's business
        _read_until(controller, b"\x03X")
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        process.send_signal(signal.SIGWINCH)
        deadline = time.monotonic() + 60
        while (120, 50) not in pod_streams.sizes:
            assert time.monotonic() < deadline, pod_streams.sizes
            time.sleep(0.01)
        os.write(controller, b"q")
        assert process.wait(60) == 3
    assert pod_streams.sizes[0] == (100, 40)
    assert termios.tcgetattr(terminal) == before
    os.close(controller)
    os.close(terminal)


def _read_until(descriptor: int, wanted: bytes) -> None:
    seen = b""
    while wanted not in seen:
        seen += os.read(descriptor, 1024)


def test_without_a_cluster_it_says_how_to_start_one(cluster: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert podling(nowhere, "get", "pods").stderr == (
        f"podling: {nowhere} holds no cluster: start one with `podling up --dir {nowhere}`\n".encode()
    )
    (cluster / "cluster.json").write_text(json.dumps({"grpc": "127.0.0.1:1", "id": "x"}))
    done = podling(cluster, "get", "pods")
    assert done.returncode == 1
    assert done.stderr == (
        f"podling: the cluster in {cluster} does not answer: start it with `podling up --dir {cluster}`\n".encode()
    )
