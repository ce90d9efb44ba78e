"""`podling run` in the foreground: what the container writes is shown, what is typed is passed on, its end is ours."""

from __future__ import annotations

import signal
import sys

from cluster.pb import streams_pb2 as pb
from podling.cli.exec_ import Session
from podling.cli.pods import POD
from podling.cli.rpc import Tree
from podling.cli.waiting import wait_until
from podling.errors import CommandError
from podling.run.container import CONTAINER, STOP_SECONDS
from podling.run.machine import Machine

_END_SECONDS = 60.0


def to_the_end(machine: Machine, tree: Tree, *, interactive: bool, tty: bool) -> int:
    """Until the container has ended; its exit code. Ctrl-C and SIGTERM stop it.

    Raises Detached when it was left running.
    """
    name = tree["metadata"]["name"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        machine.await_start(name)
        if interactive or tty:
            _attach(machine, name, interactive=interactive, tty=tty)
        else:
            _show_log(machine, name)
        return _exit_code(machine, name)
    except KeyboardInterrupt:
        machine.end(name, STOP_SECONDS)
        raise


def _attach(machine: Machine, name: str, *, interactive: bool, tty: bool) -> None:
    start = pb.StreamStart(
        namespace=machine.namespace,
        pod=name,
        container=CONTAINER,
        stdin=interactive,
        stdout=True,
        stderr=not tty,
        tty=tty,
    )
    Session(machine.server, start, machine.server.streams.Attach, detach_keys=tty and interactive).run()


def _show_log(machine: Machine, name: str) -> None:
    request = pb.LogsRequest(namespace=machine.namespace, pod=name, container=CONTAINER, follow=True)
    call = machine.server.streams.Logs(request)
    try:
        with machine.server.refusals():
            for chunk in call:
                sys.stdout.buffer.write(chunk.data)
                sys.stdout.buffer.flush()
    finally:
        call.cancel()


def _exit_code(machine: Machine, name: str) -> int:
    codes: list[int] = []

    def ended(tree: Tree | None) -> bool:
        if tree is None:
            raise CommandError(f"container {name} was removed")
        for each in tree.get("status", {}).get("containerStatuses", ()):
            if "terminated" in each["state"]:
                codes.append(int(each["state"]["terminated"]["exitCode"]))
        return bool(codes)

    if not wait_until(machine.server, POD, machine.namespace, name, ended, _END_SECONDS):
        raise CommandError(f"container {name} goes on: podling logs -f {name}")
    return codes[-1]
