"""Commands run inside running containers, by `runc exec`.

Without a terminal the command's streams are pipes. With one, runc gets a pseudo-terminal of ours as its controlling
terminal: a change of its size reaches runc as a signal, and runc passes it on to the command's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
import struct
import termios
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..base import ExecResult, RuntimeFailure
from .conmon import PLAIN_ERRORS
from .descriptors import Descriptor
from .processes import Process, spawn

MAX_OUTPUT = 16 << 20
_HEAD = 4096
_NOT_FOUND, _CANNOT_RUN = 127, 126
_END_OF_INPUT = b"\x04"


@dataclass
class _Streams:
    """Our ends. With a terminal, `input` and `output` are the same descriptor."""

    output: Descriptor
    errors: Descriptor | None
    input: Descriptor | None
    terminal: bool

    def close(self) -> None:
        for descriptor in (self.output, self.errors, self.input):
            if descriptor is not None:
                descriptor.close()


class _RememberingReader:
    """Remembers how the stream began, in case it is runc saying why the command could not be run."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self.head = b""

    async def read(self, n: int = -1, /) -> bytes:
        data = await self._descriptor.read(n)
        self.head += data[: _HEAD - len(self.head)]
        return data


class ExecSession:
    """A `Session` with a command of its own."""

    def __init__(self, container_id: str, process: Process, pid_file: Path, streams: _Streams) -> None:
        self._container_id = container_id
        self._process = process
        self._pid_file = pid_file
        self._streams = streams
        self.stdout = _RememberingReader(streams.output)
        self.stderr = None if streams.errors is None else _RememberingReader(streams.errors)

    async def write_stdin(self, data: bytes) -> None:
        """Pass data on; dropped when there is no input or the command has closed it."""
        if self._streams.input is not None:
            await self._streams.input.write_all(data)

    async def close_stdin(self) -> None:
        """End of input: a closed pipe, or on a terminal the key that means it."""
        if self._streams.terminal:
            await self.write_stdin(_END_OF_INPUT)
        elif self._streams.input is not None:
            self._streams.input.close()

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size."""
        if self._streams.terminal:
            # Clients may say any number; the kernel has room for 16 bits.
            size = struct.pack("HHHH", min(height, 0xFFFF), min(width, 0xFFFF), 0, 0)
            fcntl.ioctl(self._streams.output.fileno(), termios.TIOCSWINSZ, size)

    async def wait(self) -> int:
        """The exit code; 127 for a command that was not found, 126 for one that could not be run."""
        code = await self._process.wait()
        # runc writes the command's process id once it runs; without it the code is runc's own.
        if self._pid_file.exists() or code == 128 + signal.SIGKILL:
            return code
        said = (self.stderr or self.stdout).head
        return _NOT_FOUND if b"not found" in said or b"no such file" in said else _CANNOT_RUN

    async def kill(self) -> None:
        """Kill the command, and runc, which would wait for whoever else holds the command's streams."""
        if self._process.running:
            for pid in self._pids():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    self._kill_command(pid)
            self._process.kill()

    async def close(self) -> None:
        """Kill the command if it still runs, and close its streams."""
        await self.kill()
        await self._process.wait()
        self._streams.close()
        self._pid_file.unlink(missing_ok=True)

    def _pids(self) -> list[int]:
        """The command's process id. runc writes it a moment after the command has begun: until then, its children's."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return [int(self._pid_file.read_text())]
        children: list[int] = []
        for of_thread in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children += map(int, of_thread.read_text().split())
        return children

    def _kill_command(self, pid: int) -> None:
        if self._container_id in Path(f"/proc/{pid}/cgroup").read_text():
            os.kill(pid, signal.SIGKILL)


class Executor:
    """Runs commands in containers whose state `runc` keeps below `runc_root`."""

    def __init__(self, runc: str, runc_root: Path) -> None:
        self._runc = runc
        self._runc_root = runc_root

    def start(
        self, container_id: str, bundle: Path, argv: Sequence[str], *, terminal: bool, stdin: bool
    ) -> ExecSession:
        """Start a command as the container's own process runs: its user, environment, folder and limits."""
        pid_file = bundle / f"exec-{secrets.token_hex(8)}"
        config: dict[str, Any] = msgspec.json.decode((bundle / "config.json").read_bytes())
        specification = msgspec.json.encode(_command(config["process"], argv, terminal))
        # runc wants the command as a file: one without a name leaves nothing behind.
        memory = os.memfd_create("exec", os.MFD_CLOEXEC)
        try:
            os.write(memory, specification)
            command = [self._runc, f"--root={self._runc_root}", PLAIN_ERRORS, "exec"]
            command += ["--process", f"/proc/self/fd/{memory}"]
            command += ["--pid-file", str(pid_file), container_id]
            process, streams = _on_terminal(command, memory) if terminal else _on_pipes(command, memory, stdin)
        except OSError as error:
            raise RuntimeFailure(f"cannot run {self._runc}: {error.strerror}") from error
        finally:
            os.close(memory)
        return ExecSession(container_id, process, pid_file, streams)

    async def run(self, container_id: str, bundle: Path, argv: Sequence[str], timeout_seconds: float) -> ExecResult:
        """Run a command to its end. Raises TimeoutError after killing it."""
        session = self.start(container_id, bundle, argv, terminal=False, stdin=False)
        errors = session.stderr or session.stdout
        try:
            async with asyncio.timeout(timeout_seconds or None):
                stdout, stderr, code = await asyncio.gather(_all(session.stdout), _all(errors), session.wait())
        finally:
            await session.close()
        return ExecResult(stdout=stdout, stderr=stderr, exit_code=code)


def _command(process: dict[str, Any], argv: Sequence[str], terminal: bool) -> dict[str, Any]:
    environment = process["env"]
    if terminal and not any(each.startswith("TERM=") for each in environment):
        environment = [*environment, "TERM=xterm"]
    return {**process, "args": list(argv), "terminal": terminal, "env": environment}


def _on_pipes(command: list[str], inherited: int, stdin: bool) -> tuple[Process, _Streams]:
    theirs: list[int] = []
    ours: list[int] = []
    try:
        for _ in range(2):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            ours.append(reading)
            theirs.append(writing)
        if stdin:
            reading, writing = os.pipe2(os.O_CLOEXEC)
            ours.append(writing)
            theirs.append(reading)
        source = theirs[2] if stdin else None
        process = spawn(command, stdin=source, stdout=theirs[0], stderr=theirs[1], inherit=[inherited])
    except OSError:
        for descriptor in ours:
            os.close(descriptor)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    output, errors, *rest = map(Descriptor, ours)
    return process, _Streams(output, errors, rest[0] if rest else None, terminal=False)


def _on_terminal(command: list[str], inherited: int) -> tuple[Process, _Streams]:
    main, other = os.openpty()
    try:
        # Raw before anything is typed: the inner terminal is the one that echoes and edits.
        tty.setraw(other)
        process = spawn(command, terminal=os.ttyname(other), inherit=[inherited])
    except OSError:
        os.close(main)
        raise
    finally:
        os.close(other)
    console = Descriptor(main)
    return process, _Streams(console, None, console, terminal=True)


async def _all(reader: _RememberingReader) -> bytes:
    """Everything to the end, of which the first 16 MiB are kept."""
    parts, size = [], 0
    while chunk := await reader.read():
        if size < MAX_OUTPUT:
            parts.append(chunk[: MAX_OUTPUT - size])
        size += len(chunk)
    return b"".join(parts)
