"""Debian's docker-registry on loopback, for one test: plain or TLS, open, with a password, or with tokens."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.support.ports import free_port

DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class RunningRegistry:
    """Where it is (`HOST:PORT`) and where it keeps its blobs."""

    address: str
    data: Path
    process: subprocess.Popen[bytes]

    def blob(self, digest: str) -> Path:
        hexadecimal = digest.removeprefix("sha256:")
        return self.data / "docker/registry/v2/blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"


@contextlib.contextmanager
def registry(
    folder: Path,
    *,
    htpasswd: str = "",
    tls: tuple[Path, Path] | None = None,
) -> Iterator[RunningRegistry]:
    """Run one. htpasswd: `user:bcrypt` lines. tls: certificate and key."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if htpasswd:
        (folder / "htpasswd").write_text(htpasswd)
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    if tls:
        config["http"] = {"addr": f"127.0.0.1:{port}", "tls": {"certificate": str(tls[0]), "key": str(tls[1])}}
    file = folder / "config.yml"
    file.write_bytes(msgspec.yaml.encode(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(file)], stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        yield RunningRegistry(f"127.0.0.1:{port}", folder / "data", process)
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"docker-registry did not start: {log.read_text()}")
