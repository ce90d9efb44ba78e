"""Child processes without forking this one.

posix_spawn(3) copies no memory and runs no fork handlers, which gRPC's threads would not survive; a process
descriptor tells of the end, so no signal handler or child watcher of the event loop is needed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import syscalls
from .threads import run_alone

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_RESET = [signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ]


class Process:
    """A child. It is reaped when it ends, whether anybody waits or not."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._descriptor = os.pidfd_open(pid)
        self._loop.add_reader(self._descriptor, self._reap)

    @property
    def running(self) -> bool:
        """Whether it has not been reaped."""
        return not self._ended.done()

    async def wait(self) -> int:
        """The exit code; 128 + the number of the signal that killed it."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """SIGKILL it unless it has ended."""
        if self.running:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _reap(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if not self._ended.done():
            self._ended.set_result(code if code >= 0 else 128 - code)


def spawn(
    argv: Sequence[str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    inherit: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    terminal: str = "",
    directory: Path | None = None,
) -> Process:
    """Start a program, given by its absolute path. Raises OSError when it cannot be executed.

    Standard streams not given are /dev/null. `inherit` names further descriptors the child keeps, under the same
    numbers. With `terminal`, the child leads a session whose controlling terminal that path becomes, on 0, 1 and 2. It
    starts in `directory`, or in this process's.
    """
    actions: list[tuple[object, ...]] = []
    for number, source in enumerate((stdin, stdout, stderr)):
        if source is not None:
            actions.append((os.POSIX_SPAWN_DUP2, source, number))
        elif terminal and number:
            actions.append((os.POSIX_SPAWN_DUP2, 0, number))
        else:
            actions.append((os.POSIX_SPAWN_OPEN, number, terminal or os.devnull, os.O_RDWR, 0))
    # Duplicating a descriptor onto itself takes its close-on-exec mark away.
    actions += [(os.POSIX_SPAWN_DUP2, number, number) for number in inherit]

    def start() -> int:
        if directory is not None:
            syscalls.unshare(syscalls.CLONE_FS)
            os.chdir(directory)
        return os.posix_spawn(
            argv[0],
            list(argv),
            {**_ENVIRONMENT, **(environment or {})},
            file_actions=actions,
            setsid=bool(terminal),
            setsigmask=[],
            setsigdef=_RESET,
        )

    # The working folder is the thread's once it has its own, and the child is born into its thread's.
    return Process(start() if directory is None else run_alone(start))
