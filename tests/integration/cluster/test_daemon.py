"""A daemon's life, as a process: ready only after set-up, drains in order, fails in one line."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.tls import TestAuthority

PROGRAM = """
import argparse, asyncio, dataclasses
from cluster import connection, daemon

@dataclasses.dataclass(frozen=True)
class Config:
    daemon: daemon.DaemonConfig
    mode: str

async def run(d, config):
    d.stack.callback(lambda: print("first closed last", flush=True))
    d.stack.callback(lambda: print("last closed first", flush=True))
    if config.mode == "fatal":
        raise daemon.FatalError("the moon is full: wait a day")
    if config.mode in ("absent", "nameless"):
        raise FileNotFoundError(2, "No such file or directory", "/etc/it" if config.mode == "absent" else None)
    if config.mode == "hang":
        await asyncio.Event().wait()
    if config.mode == "crash":
        async def ends():
            raise RuntimeError("task broke")
        d.spawn("breaker", ends())
        return
    d.spawn("forever", asyncio.Event().wait())

parser = argparse.ArgumentParser()
connection.add_identity_flags(parser)
daemon.add_flags(parser)
parser.add_argument("--mode")
args = parser.parse_args()
daemon.main("tester", Config(daemon.from_args(args), args.mode), run)
"""


class Started:
    def __init__(self, authority: TestAuthority, port: int, mode: str) -> None:
        pair = authority.issue("tester")
        self.port = port
        self._context = authority.client_context()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM,
                f"--ca-file={authority.ca_file}",
                f"--cert-file={pair.cert_file}",
                f"--key-file={pair.key_file}",
                f"--status-address=127.0.0.1:{port}",
                f"--mode={mode}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def readyz(self) -> int:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=30)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def wait_for(self, status: int) -> None:
        deadline = time.monotonic() + 60
        while self.readyz() != status:
            assert time.monotonic() < deadline, f"never answered {status}"
            time.sleep(0.02)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    authority = TestAuthority(tmp_path)
    started: list[Started] = []

    def start(mode: str, port: int = 0) -> Started:
        started.append(Started(authority, port or free_port(), mode))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def test_serves_until_sigterm_and_closes_in_reverse(start) -> None:
    daemon = start("serve")
    daemon.wait_for(200)
    daemon.process.send_signal(signal.SIGTERM)
    code, out, err = daemon.end()
    assert code == 0, err
    assert out.splitlines() == ["last closed first", "first closed last"]


def test_not_ready_while_setting_up_and_stoppable_then(start) -> None:
    daemon = start("hang")
    daemon.wait_for(503)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.end()[0] == 0


def test_a_fatal_error_is_one_line(start) -> None:
    code, _, err = start("fatal").end()
    assert code == 1
    assert err.splitlines()[-1] == "tester: the moon is full: wait a day"
    assert "Traceback" not in err


def test_a_file_that_is_not_there_is_named_or_else_where_it_was_missed(start) -> None:
    assert start("absent").end()[2].splitlines()[-1] == "tester: cannot read /etc/it: no such file"
    assert "Traceback" in start("nameless").end()[2]


def test_a_task_that_breaks_ends_the_process(start) -> None:
    code, _, err = start("crash").end()
    assert code == 1
    assert "task broke" in err


def test_a_taken_port_is_said(start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = start("serve", taken.getsockname()[1]).end()
    assert code == 1
    assert "choose another --status-address" in err.splitlines()[-1]
