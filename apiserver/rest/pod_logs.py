"""pods/log: a container's log as plain text: sent as the kubelet sends it, or over a WebSocket to who asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from aiohttp import web

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest import log_websocket, query, websockets
from apiserver.rest.call import Call
from apiserver.rest.replies import TEXT, Reply
from apiserver.rest.streams import Stream
from cluster.pb import streams_pb2 as pb

# A followed log may be silent: the client gets its headers after this long without a line.
FIRST_CHUNK_SECONDS: Final = 0.2


async def serve(streams: PodStreams, call: Call) -> web.StreamResponse:
    """Raises `StatusError` before the first byte; a failure after that breaks the connection off."""
    request = log_request(call)
    async with aclosing(streams.logs(call.user, request)) as chunks:
        first = asyncio.ensure_future(anext(chunks, b""))
        try:
            await asyncio.wait({first}, timeout=FIRST_CHUNK_SECONDS if request.follow else None)
            empty = first.done() and not first.result()
            if websockets.requested(call.request):
                return await log_websocket.serve(call.request, first, chunks)
            if empty:
                return Reply(content_type=TEXT)
            stream = Stream(call.request, call.audit_id, TEXT)
            stream.open()
            await _send(stream, first, chunks)
        finally:
            if not first.done():
                first.cancel()
                await asyncio.wait({first})
    return stream


async def _send(stream: Stream, first: asyncio.Future[bytes], chunks: AsyncIterator[bytes]) -> None:
    try:
        await stream.send(await first)
        async for chunk in chunks:
            await stream.send(chunk)
    except errors.StatusError:
        stream.abort()
        raise ConnectionResetError("the log ended with an error") from None


def log_request(call: Call) -> pb.LogsRequest:
    """The query as a request to the kubelet. Raises `BadRequest` and `Invalid` (upstream PodLogOptions)."""
    values = call.query
    since_seconds = query.optional_integer(values, "sinceSeconds")
    tail_lines = query.optional_integer(values, "tailLines")
    limit_bytes = query.optional_integer(values, "limitBytes")
    since_time = query.first(values, "sinceTime")
    problems = []
    if tail_lines is not None and tail_lines < 0:
        problems.append(errors.FieldError.invalid("tailLines", tail_lines, "must be greater than or equal to 0"))
    if limit_bytes is not None and limit_bytes < 1:
        problems.append(errors.FieldError.invalid("limitBytes", limit_bytes, "must be greater than 0"))
    if since_seconds is not None and since_time:
        detail = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        problems.append(errors.FieldError.forbidden("", detail))
    elif since_seconds is not None and since_seconds < 1:
        problems.append(errors.FieldError.invalid("sinceSeconds", since_seconds, "must be greater than 0"))
    if problems:
        raise errors.Invalid("PodLogOptions", call.info.name, problems)
    return pb.LogsRequest(
        namespace=call.info.namespace,
        pod=call.info.name,
        container=query.first(values, "container"),
        follow=query.flag(values, "follow"),
        previous=query.flag(values, "previous"),
        timestamps=query.flag(values, "timestamps"),
        since_seconds=since_seconds,
        since_time=since_time,
        tail_lines=tail_lines,
        limit_bytes=limit_bytes,
    )
