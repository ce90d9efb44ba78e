"""The process the supervisor lives in: forked from `up`, which it tells how it goes through a pipe.

It is forked before any gRPC is imported: threads do not survive a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from podling.launcher import cleanup
from podling.launcher.errors import LauncherError
from podling.launcher.lock import Lock
from podling.launcher.plan import Cluster

# A process that died this often before the cluster was ever ready is not going to make it.
MAX_EARLY_DEATHS = 3

Tell = Callable[[str], None]


class Progress:
    """What the supervisor told so far."""

    def __init__(self, pipe: int, pid: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._pid = pid
        self._deaths: dict[str, int] = {}

    def check(self, tell: Tell) -> None:
        """Pass on what is new. Raises LauncherError when the cluster cannot come up."""
        try:
            text = os.read(self._pipe, 64 * 1024).decode(errors="replace")
        except BlockingIOError:
            return
        for line in text.splitlines():
            if line.startswith("!"):
                raise LauncherError(f"the launcher failed: {line[1:]}")
            name = line.split(" ", 1)[0]
            self._deaths[name] = self._deaths.get(name, 0) + 1
            if self._deaths[name] >= MAX_EARLY_DEATHS:
                raise LauncherError(line.removesuffix("; starting it again"))
            tell(line)
        if os.waitpid(self._pid, os.WNOHANG)[0]:
            raise LauncherError("the launcher ended at once; see log/launcher.log in the cluster's directory")

    def close(self) -> None:
        os.close(self._pipe)


def start(cluster: Cluster, lock: Lock) -> Progress:
    """Fork the process that stays; it inherits the lock."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Progress(reader, pid)
    os.close(reader)
    code = 1
    try:
        _detach(cluster.dir / "log" / "launcher.log", keep=(writer, lock.fileno()))
        lock.sign()
        asyncio.run(_supervise(cluster, writer))
        code = 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(writer, f"!{error}\n".encode())
        traceback.print_exc()
    finally:
        os._exit(code)


async def _supervise(cluster: Cluster, progress: int) -> None:
    from cluster import logs
    from podling.launcher.supervisor import Supervisor

    logs.configure("launcher", "info", "text")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    def tell(line: str) -> None:
        # The command may be gone long since; then nobody needs to be told.
        with contextlib.suppress(OSError):
            os.write(progress, f"{line}\n".encode())

    supervisor = Supervisor(cluster, tell)
    await supervisor.start()
    # gRPC is imported only now: the cluster's processes start meanwhile.
    from podling.launcher import control

    server = await control.serve(supervisor)
    trimming = asyncio.create_task(supervisor.trim_logs())
    await stopping.wait()
    trimming.cancel()
    await server.stop(grace=1.0)
    await supervisor.stop()
    cleanup.cluster(cluster.id, cluster.dir)


def _detach(log: Path, *, keep: tuple[int, ...]) -> None:
    """Leave the caller's session, directory and files: its pipes and locks must not outlive it through us."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # Python looks for modules where it is started; nothing of the caller's may be taken for ours.
    os.chdir("/")
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    start = 3
    for descriptor in sorted(keep):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))
