"""A whole cluster for e2e and chaos tests: started by the command, driven by kubectl and podling, gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podling.launcher.plan import cluster_id

PODLING = Path(sys.executable).parent / "podling"


def kubectl_binary() -> str:
    """kubectl on PATH, else the one the dev dependencies bring."""
    return shutil.which("kubectl") or str(Path(sys.executable).parent / "kubectl")


class CommandFailed(AssertionError):
    """A command did not exit as it should have."""


def run(
    *command: str, env: dict[str, str] | None = None, stdin: str | None = None, timeout: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; by default it must exit 0."""
    result = subprocess.run(
        command, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, text=True, timeout=timeout
    )
    if check and result.returncode:
        raise CommandFailed(f"{' '.join(command)} exited {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def eventually(
    what: str,
    probe: Callable[[], Any],
    *,
    seconds: float = 60,
    interval: float = 0.1,
    state: Callable[[], str] = lambda: "",
) -> Any:
    """Poll until `probe()` is truthy and return that; on time-out fail with the state."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{state()}")
        time.sleep(interval)


class Cluster:
    """A cluster in `directory`, which must be empty or a cluster's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.id = cluster_id(directory)
        self.restarted: list[str] = []
        self.env = {"KUBECONFIG": str(directory / "kubeconfig"), "PODLING_DIR": str(directory)}

    @property
    def server(self) -> str:
        """The API server's HTTPS address."""
        kubeconfig = json.loads((self.directory / "kubeconfig").read_text())
        server: str = kubeconfig["clusters"][0]["cluster"]["server"]
        return server

    @property
    def grpc(self) -> str:
        """The API server's gRPC address."""
        address: str = json.loads((self.directory / "cluster.json").read_text())["grpc"]
        return address

    def up(self, *flags: str) -> None:
        result = run(str(PODLING), "up", "--dir", str(self.directory), *flags, timeout=180, check=False)
        if result.returncode:
            raise CommandFailed(f"up exited {result.returncode}\n{result.stdout}{result.stderr}\n{self.logs()}")

    def down(self) -> None:
        run(str(PODLING), "down", "--dir", str(self.directory))

    def restart(self, name: str) -> None:
        """Have one process restarted, and remember that it was."""
        self.podling("restart", name)
        self.restarted.append(name)

    def podling(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return run(str(PODLING), *arguments, env=self.env, stdin=stdin, check=check, timeout=timeout)

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return run(kubectl_binary(), *arguments, env=self.env, stdin=stdin, check=check, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """`kubectl get ARGUMENTS -o json`, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def apply(self, manifest: str) -> None:
        self.kubectl("apply", "-f", "-", stdin=manifest)

    def processes(self) -> dict[str, int]:
        """Pid of each process, by name, as `podling status` lists them."""
        lines = self.podling("status", check=False).stdout.splitlines()[1:]
        return {name: int(pid) for name, pid, *_ in (line.split() for line in lines) if pid.isdecimal()}

    def logs(self, lines: int = 15) -> str:
        """The end of each process's log, for failure messages."""
        parts = []
        for path in sorted((self.directory / "log").glob("*.log")):
            parts.append(f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]))
        return "\n".join(parts)

    def complaints(self) -> list[str]:
        """Lines of the processes' logs that tell of a defect: a traceback, an unhandled error."""
        marks = ("Traceback", "never awaited", "never retrieved", "level=error", "level=critical")
        found = []
        for path in sorted((self.directory / "log").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            found += [f"{path.name}: {line[:300]}" for line in lines if any(mark in line for mark in marks)]
        return found

    def leaks(self) -> list[str]:
        """What of the cluster is still on the machine: must be nothing after `down`."""
        found = [f"netns {path.name}" for path in Path("/run/netns").glob(f"podling-{self.id}-*")]
        found += [f"link {path.name}" for path in Path("/sys/class/net").glob(f"pl-{self.id}*")]
        found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(f"*/podling/{self.id}")]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        roots = (f"{self.directory}/", f"/run/podling/{self.id}/")
        found += [f"mount {line.split()[4]}" for line in mounts if line.split()[4].startswith(roots)]
        found += [f"loop device of {file}" for file in _loop_files() if file.startswith(f"{self.directory}/")]
        found += [f"process {command}" for command in _commands() if str(self.directory) in command]
        return found


def _loop_files() -> list[str]:
    files = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            files.append(path.read_text().strip())
        except OSError:
            continue
    return files


def _commands() -> list[str]:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "-m pytest" not in command:
            commands.append(command)
    return commands
