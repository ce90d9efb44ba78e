"""The PodStreams service for this node's own pods (proto/streams.proto)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import grpc

from api import errors, timestamps
from cluster import grpc_errors
from cluster.logs import get_logger
from cluster.pb import streams_pb2 as pb
from kubelet.logs.cri import Format
from kubelet.logs.read import LogOptions, read_log
from kubelet.paths import Paths
from kubelet.pods.pods import Pods
from kubelet.pods.view import NANOSECONDS, Run
from kubelet.pods.worker import PodWorker
from kubelet.runtime.base import ContainerState, Runtime, RuntimeFailure
from kubelet.server.authorize import allowed
from kubelet.server.containers import find_worker, run_for_logs, running
from kubelet.server.converse import converse, forward

Inputs = AsyncIterator[pb.StreamInput]
Messages = AsyncIterator[pb.PortForwardMessage]

log = get_logger()


class PodStreams:
    """Each call is authorized by the caller's certificate first."""

    def __init__(self, pods: Pods, runtime: Runtime, paths: Paths) -> None:
        self._pods = pods
        self._runtime = runtime
        self._paths = paths

    async def Logs(self, request: pb.LogsRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.LogChunk]:
        async with _Guard(context):
            worker = find_worker(self._pods, request.namespace, request.pod)
            run = run_for_logs(worker, request.container, previous=request.previous)
            log_file = self._log_file(worker, run)
            pieces = read_log(log_file, _options(request), partial(_ended, worker, run), partial(_wait, worker, run))
            async for data in pieces:
                yield pb.LogChunk(data=data)

    async def Exec(self, request_iterator: Inputs, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.StreamOutput]:
        async with _Guard(context):
            start = await _stream_start(request_iterator)
            run = running(find_worker(self._pods, start.namespace, start.pod), start.container)
            session = await self._runtime.exec(run.id, list(start.command), tty=start.tty, stdin=start.stdin)
            async for output in converse(session, request_iterator):
                yield output

    async def Attach(
        self, request_iterator: Inputs, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamOutput]:
        async with _Guard(context):
            start = await _stream_start(request_iterator)
            run = running(find_worker(self._pods, start.namespace, start.pod), start.container)
            session = await self._runtime.attach(run.id, stdin=start.stdin and run.spec.stdin)
            async for output in converse(session, request_iterator):
                # The container's own exit code is its pod's business, not this conversation's.
                is_exit = output.WhichOneof("message") == "exit"
                yield pb.StreamOutput(exit=pb.ExitStatus()) if is_exit else output

    async def PortForward(
        self, request_iterator: Messages, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.PortForwardMessage]:
        async with _Guard(context):
            start = await _forward_start(request_iterator)
            worker = find_worker(self._pods, start.namespace, start.pod)
            sandbox = worker.record.sandbox
            if sandbox is None or worker.record.released:
                raise errors.BadRequest(f'pod "{start.pod}" is not running')
            try:
                connection = await self._runtime.port_forward(sandbox.id, start.port)
            except RuntimeFailure as error:
                yield pb.PortForwardMessage(error=str(error))
                return
            async for message in forward(connection, request_iterator):
                yield message

    def _log_file(self, worker: PodWorker, run: Run) -> Path:
        return self._paths.log_file(worker.record.pod, run.spec.name, run.spec.attempt)


class _Guard:
    """Refuses strangers, and ends a call that fails with a Status."""

    def __init__(self, context: grpc.aio.ServicerContext) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        if not allowed(self._context.auth_context()):
            text = "only the API server and system:masters may call a node"
            await grpc_errors.abort(self._context, errors.Forbidden("", "", text))

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, errors.StatusError):
            await grpc_errors.abort(self._context, error)
        elif isinstance(error, (RuntimeFailure, OSError)):
            await grpc_errors.abort(self._context, errors.InternalError(str(error)))
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            log.error("a call crashed", exc_info=error)
            await grpc_errors.abort(self._context, errors.InternalError("the kubelet failed; its log says how"))


async def _stream_start(inputs: Inputs) -> pb.StreamStart:
    async for message in inputs:
        if message.WhichOneof("message") == "start":
            return message.start
        break
    raise errors.BadRequest("the first message must be `start`")


async def _forward_start(inputs: Messages) -> pb.PortForwardStart:
    async for message in inputs:
        if message.WhichOneof("message") == "start":
            return message.start
        break
    raise errors.BadRequest("the first message must be `start`")


def _options(request: pb.LogsRequest) -> LogOptions:
    since = 0
    if request.HasField("since_seconds"):
        since = int((time.time() - request.since_seconds) * NANOSECONDS)
    elif request.since_time:
        try:
            since = int(timestamps.parse(request.since_time) * NANOSECONDS)
        except ValueError:
            raise errors.BadRequest(f"sinceTime: {request.since_time!r} is not an RFC 3339 time") from None
    return LogOptions(
        format=Format(request.timestamps, since),
        follow=request.follow,
        tail=request.tail_lines if request.HasField("tail_lines") else None,
        limit=request.limit_bytes if request.HasField("limit_bytes") else None,
    )


def _ended(worker: PodWorker, run: Run) -> bool:
    now = worker.record.find_run(run.id)
    return now is None or now.state is not ContainerState.RUNNING


def _wait(worker: PodWorker, run: Run) -> asyncio.Task[None]:
    return asyncio.create_task(worker.wait_ended(run.id), name="log-follow")
