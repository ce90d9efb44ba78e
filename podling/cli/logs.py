"""`podling logs`: what containers have written."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from cluster.pb import streams_pb2 as pb
from podling.cli import durations
from podling.cli.options import DEFAULT_NAMESPACE, Container, Dir, Labels, Namespace
from podling.cli.output import note
from podling.cli.pods import choose_container, container_names, find_pods, select_pods
from podling.cli.rpc import Api, ServerError, Tree, api
from podling.errors import CommandError
from podling.run import stopped_logs

Source = tuple[str, str]  # pod, container
MAX_FOLLOWED = 20


def logs(
    pod: str = "",
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"), negative="", help="Go on with what comes.")] = False,
    container: Container = "",
    all_containers: Annotated[bool, Parameter(negative="", help="All containers of the pod.")] = False,
    previous: Annotated[bool, Parameter(name=("--previous", "-p"), negative="", help="Of the run before.")] = False,
    tail: Annotated[int, Parameter(help="Only so many of the last lines; -1 for all.")] = -1,
    since: Annotated[str, Parameter(help="Only what is newer: 30s, 5m.")] = "",
    since_time: Annotated[str, Parameter(help="Only what came after this time (RFC 3339).")] = "",
    timestamps: Annotated[
        bool, Parameter(name=("--timestamps", "-t"), negative="", help="The time before each line.")
    ] = False,
    prefix: Annotated[bool, Parameter(negative="", help="Pod and container before each line.")] = False,
    selector: Labels = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Show a pod's log: `logs POD`, `logs deployment/web`, `logs -l app=web`."""
    if bool(pod) == bool(selector):
        raise CommandError("name a pod (or TYPE/NAME), or select pods with -l")
    options = pb.LogsRequest(
        namespace=namespace, follow=follow, previous=previous, timestamps=timestamps, since_time=since_time
    )
    if since:
        options.since_seconds = int(durations.seconds(since))
    if tail >= 0:
        options.tail_lines = tail
    elif selector and not follow:
        options.tail_lines = 10  # as kubectl, for several pods
    with api(dir) as server:
        try:
            pods = select_pods(server, namespace, selector) if selector else _one_pod(server, pod, namespace)
        except ServerError as error:
            stopped = stopped_logs.find(server, namespace, pod, options) if error.not_found else None
            if stopped is None:
                raise
            sys.stdout.write(stopped)
            return
        sources = [source for one in pods for source in _sources(one, container, all_containers)]
        if not sources:
            note(f"No resources found in {namespace} namespace.")
        _show(server, sources, options, prefix=prefix)


def _one_pod(server: Api, word: str, namespace: str) -> list[Tree]:
    pods = find_pods(server, word, namespace)
    if len(pods) > 1:
        note(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}")
    return pods[:1]


def _sources(pod: Tree, container: str, all_containers: bool) -> list[Source]:
    name = pod["metadata"]["name"]
    if all_containers:
        return [(name, one) for one in container_names(pod)]
    chosen, remark = choose_container(pod, container)
    if remark:
        note(remark)
    return [(name, chosen)]


def _show(server: Api, sources: list[Source], options: pb.LogsRequest, *, prefix: bool) -> None:
    if not options.follow or len(sources) == 1:
        for source in sources:
            _copy(server, source, options, _writer(source, prefix=prefix))
        return
    if len(sources) > MAX_FOLLOWED:
        raise CommandError(f"{len(sources)} logs are too many to follow at once: select at most {MAX_FOLLOWED}")
    _follow_all(server, sources, options, prefix=prefix)


def _follow_all(server: Api, sources: list[Source], options: pb.LogsRequest, *, prefix: bool) -> None:
    failures: list[CommandError] = []

    def follow(source: Source) -> None:
        try:
            _copy(server, source, options, _writer(source, prefix=prefix))
        except CommandError as error:
            failures.append(error)

    threads = [threading.Thread(target=follow, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _copy(server: Api, source: Source, options: pb.LogsRequest, write: Callable[[bytes], None]) -> None:
    request = pb.LogsRequest()
    request.CopyFrom(options)
    request.pod, request.container = source
    call = server.streams.Logs(request)
    try:
        with server.refusals():
            for chunk in call:
                write(chunk.data)
    finally:
        call.cancel()
    write(b"")


_output_lock = threading.Lock()


def _writer(source: Source, *, prefix: bool) -> Callable[[bytes], None]:
    """Writes chunks through; with a prefix, whole lines, so that several logs do not mix within one."""
    rest = b""
    mark = f"[pod/{source[0]}/{source[1]}] ".encode()

    def write(data: bytes) -> None:
        nonlocal rest
        if prefix:
            *lines, rest = (rest + data).split(b"\n")
            if not data and rest:
                lines, rest = [rest], b""
            data = b"".join(mark + line + b"\n" for line in lines)
        with _output_lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    return write
