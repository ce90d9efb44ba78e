"""`podling exec`: a command inside a container, with or without the person's terminal."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Annotated, Any

from cyclopts import Parameter

from cluster.pb import streams_pb2 as pb
from podling.cli import terminal
from podling.cli.detaching import Detached, DetachKeys
from podling.cli.options import DEFAULT_NAMESPACE, Container, Dir, Namespace
from podling.cli.output import note
from podling.cli.pods import choose_container, find_pods
from podling.cli.rpc import Api, api
from podling.errors import CommandError

READ_BYTES = 32 * 1024
MAX_QUEUED = 64


def exec_(
    pod: str,
    /,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    stdin: Annotated[bool, Parameter(name=("--stdin", "-i"), negative="", help="Pass standard input on.")] = False,
    tty: Annotated[bool, Parameter(name=("--tty", "-t"), negative="", help="Give the command a terminal.")] = False,
    container: Container = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Run a command in a container: `exec POD -- COMMAND`, `exec -it deployment/web -- sh`.

    Exits with the command's exit code.
    """
    if not command:
        raise CommandError("say what to run: podling exec POD -- COMMAND [ARGUMENTS]")
    if tty and not (stdin and sys.stdin.isatty()):
        note("Unable to use a TTY - input is not a terminal or the right kind of file")
        tty = False
    with api(dir) as server:
        found = find_pods(server, pod, namespace)[0]
        chosen, remark = choose_container(found, container)
        if remark:
            note(remark)
        start = pb.StreamStart(
            namespace=namespace,
            pod=found["metadata"]["name"],
            container=chosen,
            command=command,
            stdin=stdin,
            stdout=True,
            stderr=not tty,
            tty=tty,
        )
        code = Session(server, start, server.streams.Exec).run()
    sys.exit(code)


class Session:
    """One exec or attach (`call` says which).

    What goes in is queued by a reading thread and by resizes, what comes out is copied here.

    The queue is one that a signal handler may put into; the reading thread is held back by a semaphore instead.
    """

    def __init__(
        self,
        server: Api,
        start: pb.StreamStart,
        call: Callable[[Iterator[pb.StreamInput]], Any],
        *,
        detach_keys: bool = False,
    ) -> None:
        self._server = server
        self._start = start
        self._call = call
        self._keys = DetachKeys() if detach_keys else None
        self._left = threading.Event()
        self._input: queue.SimpleQueue[pb.StreamInput | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(MAX_QUEUED)

    def run(self) -> int:
        """Until the command has ended; returns its exit code.

        Raises CommandError when it could not be run, Detached when the person left it with the detach keys.
        """
        self._input.put(pb.StreamInput(start=self._start))
        with terminal.raw(self._resize) if self._start.tty else nullcontext():
            if self._start.tty:
                self._resize()
            call = self._call(self._requests())
            if self._start.stdin:
                threading.Thread(target=self._read, args=(call,), daemon=True).start()
            return self._copy(call)

    def _copy(self, call: Any) -> int:
        try:
            with self._server.refusals():
                for output in call:
                    kind = output.WhichOneof("message")
                    if kind == "exit":
                        return _exit_code(output.exit)
                    _write(sys.stdout if kind == "stdout" else sys.stderr, getattr(output, kind))
        except CommandError:
            if self._left.is_set():
                raise Detached from None
            raise
        finally:
            self._input.put(None)
            call.cancel()
        raise CommandError("the connection ended before the command did")

    def _requests(self) -> Iterator[pb.StreamInput]:
        while (request := self._input.get()) is not None:
            if request.HasField("stdin"):
                self._room.release()
            yield request

    def _read(self, call: Any) -> None:
        while data := os.read(sys.stdin.fileno(), READ_BYTES):
            passed, leaves = self._keys.pass_on(data) if self._keys else (data, False)
            if leaves:
                # Cut off, not ended: an end of its input would end a shell.
                self._left.set()
                call.cancel()
                return
            if passed:
                self._room.acquire()
                self._input.put(pb.StreamInput(stdin=passed))
        self._input.put(pb.StreamInput(stdin_closed=True))

    def _resize(self) -> None:
        columns, lines = terminal.size()
        self._input.put(pb.StreamInput(resize=pb.TerminalSize(width=columns, height=lines)))


def _write(stream: object, data: bytes) -> None:
    buffer = stream.buffer  # type: ignore[attr-defined]
    buffer.write(data)
    buffer.flush()


def _exit_code(status: pb.ExitStatus) -> int:
    if status.error:
        raise CommandError(status.error)
    return int(status.code)
