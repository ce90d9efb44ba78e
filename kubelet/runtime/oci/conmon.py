"""conmon: the small process beside each container that outlives the kubelet.

It runs `runc create`, holds the container's stdio, writes its log in the CRI format, lets clients attach, and leaves
the exit code in a file before it ends itself: so its end is the container's end, and always has been told by then.
Source: conmon(8), version 2.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..base import RuntimeFailure, StartFailure
from .descriptors import Descriptor
from .processes import Process, spawn

_START_TIMEOUT = 120.0
_FIFO_TIMEOUT = 30.0
# What runc's init calls itself until the kernel replaces it by the container's command, and the name with it.
_INIT_NAME = "runc:[2:INIT]"
# How long that step may take, and how often it is looked for. A command that gives itself the name gains no more.
_BEGIN_TIMEOUT = 10.0
_BEGIN_POLL = 0.005
_MAX_ANSWER = 1 << 20
_RESIZE, _REOPEN_LOG = 1, 2

PLAIN_ERRORS = f"--log={os.devnull}"
"""With a log file elsewhere, runc writes bare messages to its error output, not log lines."""


@dataclass(frozen=True)
class Monitored:
    """What conmon is told of a container. `bundle` has its config.json; `exit_directory` gets its exit code."""

    id: str
    name: str
    bundle: Path
    exit_directory: Path
    log_path: str
    terminal: bool
    stdin: bool
    stdin_once: bool


class _Answer(msgspec.Struct):
    """conmon's line on the sync pipe: the container's process id, or a negative number and why."""

    pid: int = 0
    data: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Started:
    """Process ids of a container's first process, and of its conmon."""

    container: int
    monitor: int


class Conmon:
    """Starts containers. `runc_root` is runc's state folder; `join` puts a conmon where it belongs before it works."""

    def __init__(self, conmon: str, runc: str, runc_root: Path, join: Callable[[int], None] | None = None) -> None:
        self._conmon = conmon
        self._runc = runc
        self._runc_root = runc_root
        self._join = join

    async def start(self, container: Monitored) -> Started:
        """Create and start the container; returns once its process runs. Raises StartFailure with runc's words.

        The monitor, where it got that far, is left to the caller to clean up.
        """
        started = await self._create(container)
        await self._run(container.id, started)
        return started

    async def _create(self, container: Monitored) -> Started:
        answers, sync = os.pipe2(os.O_CLOEXEC)
        gate, gate_end = os.pipe2(os.O_CLOEXEC)
        answer_end = Descriptor(answers)
        try:
            process = self._spawn(container, sync, gate)
            os.close(sync)
            sync = -1
            if self._join is not None:
                self._join(process.pid)
            # conmon waits for this before it starts anything.
            os.write(gate_end, b"\0")
            async with asyncio.timeout(_START_TIMEOUT):
                answer = await _read_answer(answer_end)
                await process.wait()
        except TimeoutError:
            process.kill()
            raise StartFailure(f"conmon did not create the container within {_START_TIMEOUT:.0f} s") from None
        finally:
            answer_end.close()
            for descriptor in (gate, gate_end, sync):
                if descriptor >= 0:
                    os.close(descriptor)
        pid = answer.pid if answer.data is None else answer.data
        if pid <= 0:
            raise StartFailure(_failure(answer.message))
        return Started(pid, int((container.bundle / "conmon.pid").read_text()))

    def _spawn(self, container: Monitored, sync: int, gate: int) -> Process:
        # fmt: off
        arguments = [
            self._conmon, "--api-version", "1",
            "--cid", container.id, "--cuuid", container.id, "--name", container.name,
            "--runtime", self._runc, "--runtime-arg", f"--root={self._runc_root}", "--runtime-arg", PLAIN_ERRORS,
            "--bundle", str(container.bundle), "--full-attach", "--socket-dir-path", str(container.bundle),
            "--container-pidfile", str(container.bundle / "pid"),
            "--conmon-pidfile", str(container.bundle / "conmon.pid"),
            "--persist-dir", str(container.exit_directory), "--exit-dir", str(container.exit_directory),
            "--log-path", f"k8s-file:{container.log_path or os.devnull}", "--no-sync-log", "--log-level", "error",
        ]
        # fmt: on
        if container.terminal:
            arguments.append("--terminal")
        if container.stdin:
            arguments.append("--stdin")
            if not container.stdin_once:
                arguments.append("--leave-stdin-open")
        pipes = {"_OCI_SYNCPIPE": str(sync), "_OCI_STARTPIPE": str(gate)}
        try:
            # It leaves a file `oom` where it stands.
            return spawn(arguments, inherit=(sync, gate), environment=pipes, directory=container.exit_directory)
        except OSError as error:
            raise RuntimeFailure(f"cannot run {self._conmon}: {error.strerror}") from error

    async def _run(self, container_id: str, started: Started) -> None:
        """Let the created process go on: what `runc start` does, without another process.

        The container's init waits with a FIFO of its state folder open for writing; reading it is the signal to run
        the container's command, and removing it marks the container as running.
        """
        fifo = self._runc_root / container_id / "exec.fifo"
        try:
            monitor = Descriptor(os.pidfd_open(started.monitor))
        except ProcessLookupError:
            raise StartFailure("the container's process ended before it was started") from None
        try:
            ready = Descriptor(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            monitor.close()
            raise StartFailure(f"the container cannot be started: {fifo}: {error.strerror}") from error
        waits = [asyncio.ensure_future(each.readable()) for each in (ready, monitor)]
        try:
            await asyncio.wait(waits, timeout=_FIFO_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
            if not waits[0].done() or not os.read(ready.fileno(), 1):
                raise StartFailure("the container's process ended before it was started")
        finally:
            # Closing ends what still waits.
            monitor.close()
            ready.close()
        fifo.unlink()


def reopen_log(bundle: Path) -> None:
    """Have a container's conmon open its log path afresh. Raises OSError when there is no conmon."""
    _control(bundle, _REOPEN_LOG, 0, 0)


def resize(bundle: Path, width: int, height: int) -> None:
    """Set the size of a container's terminal. Raises OSError when there is no conmon."""
    _control(bundle, _RESIZE, height, width)


def exit_code(exit_directory: Path, container_id: str) -> tuple[int, int] | None:
    """The exit code conmon left, and when, in nanoseconds since the epoch; None when it left none."""
    file = exit_directory / container_id
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(file.read_text()), file.stat().st_mtime_ns
    return None


def begun(bundle: Path, state: Path) -> Started | None:
    """What became of a start whose starter is gone; None when the container's command has not begun. `state`: runc's
    folder of the container.
    """
    try:
        started = Started(int((bundle / "pid").read_text()), int((bundle / "conmon.pid").read_text()))
    except (FileNotFoundError, ValueError):
        return None
    fifo = state / "exec.fifo"
    if fifo.exists() and _waits(started.container):
        return None
    fifo.unlink(missing_ok=True)
    return started


async def becomes_command(pid: int, started_at: int) -> None:
    """Wait while a process let go a moment ago is runc's init still: a signal would end it as that, with runc's code.

    `started_at`: in nanoseconds since the epoch.
    """
    until = time.monotonic() + min(_BEGIN_TIMEOUT, started_at / 1e9 + _BEGIN_TIMEOUT - time.time())
    while _name(pid) == _INIT_NAME:
        if time.monotonic() >= until:
            return
        await asyncio.sleep(_BEGIN_POLL)


def _waits(pid: int) -> bool:
    """Whether this process has yet to become the container's command: runc's init, or gone before."""
    return _name(pid) in (_INIT_NAME, "")


def _name(pid: int) -> str:
    """What a process is called; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_monitor_of(pid: int, container_id: str) -> bool:
    """Whether this process is the container's conmon, or its runc: process ids are used again."""
    return container_id.encode() in _words(pid)


def _words(pid: int) -> list[bytes]:
    """The command line of a process; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill_processes_of(container_id: str) -> None:
    """End every conmon and runc at work on a container that did not start, at whatever point they are.

    They are found by their arguments: one whose kubelet was killed may not even have written its process id yet.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and is_monitor_of(int(entry.name), container_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def _control(bundle: Path, kind: int, height: int, width: int) -> None:
    descriptor = os.open(bundle / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(descriptor, f"{kind} {min(height, 1000)} {min(width, 1000)}\n".encode())
    finally:
        os.close(descriptor)


async def _read_answer(pipe: Descriptor) -> _Answer:
    data = b""
    while not data.endswith(b"\n") and len(data) < _MAX_ANSWER:
        chunk = await pipe.read()
        if not chunk:
            break
        data += chunk
    try:
        return msgspec.json.decode(data, type=_Answer)
    except msgspec.DecodeError as error:
        raise StartFailure(f"conmon ended without an answer: {data.decode(errors='replace') or 'nothing'}") from error


def _failure(message: str) -> str:
    return f"OCI runtime create failed: {message.strip() or 'runc gave no reason'}"
