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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # TRANSITION
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
            try:  # TRANSITION
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # TRANSITION
            except BlockingIOError:  # TRANSITION
                return True  # TRANSITION
    except FileNotFoundError:
        return False
    kind: int = struct.unpack(_FLOCK, answer)[0]
    return kind != fcntl.F_UNLCK


def tell_holder(directory: Path, number: signal.Signals) -> bool:
    """Signal the supervisor that signed; False when nobody has, or it is gone. Never signals a stranger."""
    words = (directory / FILE).read_text().split()
    if len(words) == 1:  # TRANSITION
        os.kill(int(words[0]), number)  # TRANSITION
        return True  # TRANSITION
    if len(words) != 2 or not words[0].isdecimal():
        return False
    pid, started = int(words[0]), words[1]
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # A pid is used again; together with its start it is not.
        if _started(pid) != started:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


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
