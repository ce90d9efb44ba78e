"""Who has a cluster's directory: a lock on DIR/launcher.lock, held for as long as the supervisor lives.

It belongs to the open file: the forked supervisor inherits it, the kernel drops it however that process dies, and
others can ask who has it without taking it, so that a mere question never stands in the way of an `up`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FILE = "launcher.lock"
PRIVATE = 0o600
# struct flock: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"


class Lock:
    """A directory's lock, held."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def fileno(self) -> int:
        return self._file.fileno()

    def release(self) -> None:
        """Let go of it here; a forked process that inherited it keeps it."""
        self._file.close()

    def sign(self) -> None:
        """Write down this process as the one to signal."""
        pid = os.getpid()
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{pid} {_started(pid)}\n")
        self._file.flush()


@contextlib.contextmanager
def taken(directory: Path) -> Iterator[Lock | None]:
    """The lock, or None when somebody has it. Raises OSError when the directory cannot be written.

    A process forked meanwhile keeps it past the end of the block.
    """
    with (directory / FILE).open("a+") as file:
        # Whoever can open it can lock it, and with that keep its owner out.
        os.fchmod(file.fileno(), PRIVATE)
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _request(fcntl.F_WRLCK))
        except BlockingIOError:
            yield None
            return
        # Whoever signed before is gone.
        file.truncate(0)
        yield Lock(file)


def held(directory: Path) -> bool:
    """Whether somebody has the directory."""
    try:
        with (directory / FILE).open() as file:
            answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _request(fcntl.F_WRLCK))
    except FileNotFoundError:
        return False
    kind: int = struct.unpack(_FLOCK, answer)[0]
    return kind != fcntl.F_UNLCK


@dataclass(frozen=True)
class Holder:
    """The supervisor that signed for a directory."""

    pid: int
    # A pid is used again; together with its start it is not.
    started: str

    def signal(self, number: signal.Signals) -> bool:
        """Signal it; False when it is gone. Never signals a stranger."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if _started(self.pid) != self.started:
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def holder(directory: Path) -> Holder | None:
    """Who signed; None while whoever has the directory is still on its way to a supervisor."""
    words = (directory / FILE).read_text().split()
    if len(words) != 2 or not words[0].isdecimal():
        return None
    return Holder(int(words[0]), words[1])


def _request(kind: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; "" when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The name before it may hold anything, brackets too.
    return text.rpartition(")")[2].split()[19]
