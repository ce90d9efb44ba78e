"""The life of a component's process: parse, log, set up, serve until told to stop, drain, close.

A component's `__main__` parses its flags into a frozen config and calls `main(component, config, run)`.
`run(daemon, config)` opens what it needs in `daemon.stack`, starts tasks with `daemon.spawn` and returns; the
process then serves until SIGTERM or SIGINT, stops being ready and unwinds the stack, last opened first closed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import uvloop

from api.errors import StatusError
from cluster import logs, memory, pem
from cluster.logs import get_logger
from cluster.prometheus_import import CONTENT_TYPE_LATEST, generate_latest
from cluster.status_server import Check, Page, StatusServer, tls_context

DRAIN_SECONDS = 10.0
# Records form no cycles, and little else here does. With the defaults (700, 10, 10) looking for them was a quarter of
# an API server's work under load; what waits now is a few megabytes.
GC_THRESHOLDS = (20_000, 20, 50)
# For those that have thousands of requests or pods under way, whose objects all look new to it (a tenth of an API
# server's work with the thresholds above, a third of that with these).
BUSY_GC_THRESHOLDS = (60_000, 20, 50)

log = get_logger()


class FatalError(Exception):
    """The process cannot do its job; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """What every component takes.

    status_address: host and port of the status server; None for none.
    """

    status_address: tuple[str, int] | None
    ca_file: Path
    cert_file: Path
    key_file: Path
    log_level: str = "info"
    log_format: str = "text"


class HasDaemonConfig(Protocol):
    """A component's config: its own fields, and `daemon`."""

    @property
    def daemon(self) -> DaemonConfig: ...


Config = TypeVar("Config", bound=HasDaemonConfig)


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `[V6]:PORT`. Raises ValueError, which argparse words as a usage error."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the status server's and the log's flags; the PEM files are `cluster.connection.add_identity_flags`."""
    group = parser.add_argument_group("process")
    group.add_argument(
        "--status-address",
        type=parse_address,
        metavar="HOST:PORT",
        help="where /healthz, /livez, /readyz and /metrics are served over HTTPS (default: nowhere)",
    )
    group.add_argument("--log-level", choices=logs.LEVELS, default="info", help="(default: %(default)s)")
    group.add_argument("--log-format", choices=("text", "json"), default="text", help="(default: %(default)s)")


def from_args(args: argparse.Namespace) -> DaemonConfig:
    """The config that `add_flags` and `add_identity_flags` parsed."""
    return DaemonConfig(
        args.status_address, args.ca_file, args.cert_file, args.key_file, args.log_level, args.log_format
    )


class Daemon:
    """What `run` gets: a stack for resources, guarded tasks, readiness, pages.

    gc_thresholds: when the collector of garbage looks for it, from the end of set-up on.
    """

    def __init__(self, component: str) -> None:
        self.component = component
        self.gc_thresholds = GC_THRESHOLDS
        self.stack = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._live: dict[str, Check] = {"ping": lambda: True}
        self._ready: dict[str, Check] = {"startup": lambda: False}
        self._pages: dict[str, Page] = {"/metrics": _metrics_page}

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task for the life of the process; cancelled when the stack is unwound past this point.

        Its end before that, by return or by exception, ends the process: without one of its tasks a component
        would only seem to work.
        """
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(self._task_ended)

        async def cancel() -> None:
            task.remove_done_callback(self._task_ended)
            task.cancel()
            await asyncio.wait([task])

        self.stack.push_async_callback(cancel)
        return task

    def ready_check(self, name: str, check: Check) -> None:
        """`/readyz` is well only while `check()` is true."""
        self._ready[name] = check

    def live_check(self, name: str, check: Check) -> None:
        """`/healthz` and `/livez` are well only while `check()` is true."""
        self._live[name] = check

    def add_page(self, path: str, page: Page) -> None:
        """Serve `path` to holders of a cluster certificate; `page()` gives content type and body."""
        self._pages[path] = page

    def stop(self) -> None:
        """Begin to stop, as SIGTERM does."""
        self._stopping.set()

    @property
    def ready(self) -> bool:
        return all(check() for check in self._ready.values())

    async def serve(self, config: DaemonConfig, set_up: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Set up, serve until stopped, unwind. Raises what ended it early."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        status_server = StatusServer(self._live, self._ready, self._pages)
        try:
            _check_identity(config)
            await self._start_status_server(status_server, config)
            if await self._set_up(set_up):
                await self._stopping.wait()
        finally:
            self._ready["shutdown"] = lambda: False
            await self._unwind()
            await status_server.close()
        if self._failure is not None:
            raise self._failure

    async def _set_up(self, set_up: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run set-up unless a signal comes first; whether the process now serves."""
        working = asyncio.create_task(set_up(), name="set-up")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait([working])
        if working.cancelled():
            return False
        working.result()
        # What set-up made stays for good: keep the collector from walking it again and again.
        memory.trim()
        gc.freeze()
        gc.set_threshold(*self.gc_thresholds)
        del self._ready["startup"]
        log.info("started")
        return True

    async def _start_status_server(self, server: StatusServer, config: DaemonConfig) -> None:
        if config.status_address is None:
            return
        host, port = config.status_address
        try:
            await server.start(host, port, tls_context(config.ca_file, config.cert_file, config.key_file))
        except OSError as error:
            raise FatalError(
                f"cannot serve status on {host}:{port}: {reason(error)}; choose another --status-address"
            ) from error

    async def _unwind(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.stack.aclose()
        except TimeoutError:
            log.warning("gave up draining", after_seconds=DRAIN_SECONDS)
        log.info("stopped")

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._failure = RuntimeError(f"task {task.get_name()} was cancelled")
        else:
            self._failure = task.exception() or RuntimeError(f"task {task.get_name()} ended")
        self._stopping.set()


def reason(error: OSError) -> str:
    """The kernel's words alone: asyncio adds its own around them."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _check_identity(config: DaemonConfig) -> None:
    try:
        pem.check_authority(config.ca_file)
        pem.check_pair(config.cert_file, config.key_file)
    except pem.PemError as error:
        raise FatalError(str(error)) from None


async def _metrics_page() -> tuple[str, bytes]:
    return CONTENT_TYPE_LATEST, generate_latest()


def main(component: str, config: Config, run: Callable[[Daemon, Config], Coroutine[Any, Any, None]]) -> NoReturn:
    """Run a component to its end and exit: 0 after a signal, 1 with one line on standard error when it failed."""
    logs.configure(component, config.daemon.log_level, config.daemon.log_format)

    async def live() -> None:
        daemon = Daemon(component)
        await daemon.serve(config.daemon, lambda: run(daemon, config))

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(live())
    except Exception as error:
        if line := _line(error):
            print(f"{component}: {line}", file=sys.stderr)
        else:
            log.exception("crashed")
        sys.exit(1)
    sys.exit(0)


def _line(error: Exception) -> str:
    """What people are told of it; "" for what is a fault of ours, of which the log tells all."""
    match error:
        case FatalError():
            return str(error)
        case FileNotFoundError() if error.filename is not None:
            return f"cannot read {error.filename}: no such file"
        case StatusError():
            return f"the API server refused: {error.message}"
    return ""
