"""The logs of stopped containers: kept when their Pod goes, shown by `podling logs` until they are started again."""

from __future__ import annotations

import time
from collections.abc import Iterable

from api import scheme, timestamps
from cluster.pb import streams_pb2 as pb
from podling.cli.rpc import Api, ServerError, tree
from podling.errors import CommandError
from podling.run.container import STOPPED_LABEL

CONFIG_MAP = scheme.by_kind("v1", "ConfigMap")
# What remains of a long log: beside the Pod it must fit into one ConfigMap.
KEPT_BYTES = 256 * 1024
_KEY = "log"


def read(server: Api, namespace: str, pod: str, container: str, *, follow_seconds: float = 0) -> dict[str, str]:
    """The end of a container's log as data to keep, each line behind its time; empty where there is none.

    follow_seconds: wait that long for the container to end.
    """
    request = pb.LogsRequest(
        namespace=namespace, pod=pod, container=container, timestamps=True, follow=bool(follow_seconds)
    )
    call = server.streams.Logs(request, timeout=follow_seconds or None)
    end = b""
    try:
        with server.refusals():
            for chunk in call:
                end = (end + chunk.data)[-2 * KEPT_BYTES :]
    except ServerError:
        # The Pod may go while its log is being read; what came is its log all the same.
        if not end:
            return {}
    finally:
        call.cancel()
    return {_KEY: last(end).decode(errors="replace")}


def last(log: bytes, size: int = KEPT_BYTES) -> bytes:
    """The last whole lines that fit."""
    if len(log) <= size:
        return log
    return log[-size:].partition(b"\n")[2]


def kept(server: Api, namespace: str, name: str) -> str | None:
    """What `read` gave of a container that is stopped now; None for one that is not."""
    found = server.list(CONFIG_MAP, namespace, label_selector=f"{STOPPED_LABEL}={name}").items
    return str(tree(found[0]).get("data", {}).get(_KEY, "")) if found else None


def shown(log: str, options: pb.LogsRequest, now: float) -> str:
    """As `podling logs` shows it with these options."""
    after = ""
    if options.since_time or options.HasField("since_seconds"):
        since = timestamps.parse(options.since_time) if options.since_time else now - options.since_seconds
        # Times of the same form in order are texts in order, but for the letter at their end.
        after = timestamps.micro_text(since).rstrip("Z")
    lines: Iterable[str] = (line for line in log.splitlines(keepends=True) if line >= after)
    if options.HasField("tail_lines"):
        lines = list(lines)[-options.tail_lines :] if options.tail_lines else []
    return "".join(lines if options.timestamps else (line.partition(" ")[2] for line in lines))


def find(server: Api, namespace: str, name: str, options: pb.LogsRequest) -> str | None:
    """What is to be shown of a stopped container's log; None when no container of that name is stopped.

    Raises CommandError.
    """
    log = kept(server, namespace, name)
    try:
        return None if log is None else shown(log, options, time.time())
    except ValueError as error:
        raise CommandError(f"--since-time {options.since_time}: {error}") from None
