"""The PodStreams service for all pods: authorized here, carried by the kubelet of the pod's node."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import grpc

from api import errors
from apiserver.grpc_door import calls
from apiserver.grpc_door.identity import Callers
from apiserver.pod_streams import PodStreams
from cluster.pb import streams_pb2 as pb

SERVICE: Final = "podling.v1.PodStreams"


class PodStreamsService:
    def __init__(self, streams: PodStreams, callers: Callers) -> None:
        self._streams = streams
        self._callers = callers

    def rpc_handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, Any] = {
            "Logs": grpc.unary_stream_rpc_method_handler(
                calls.streaming(SERVICE, "Logs", self.logs),
                pb.LogsRequest.FromString,
                pb.LogChunk.SerializeToString,
            ),
            "Exec": _bidirectional("Exec", self.exec, pb.StreamInput, pb.StreamOutput),
            "Attach": _bidirectional("Attach", self.attach, pb.StreamInput, pb.StreamOutput),
            "PortForward": _bidirectional(
                "PortForward", self.port_forward, pb.PortForwardMessage, pb.PortForwardMessage
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def logs(
        self, request: pb.LogsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.LogChunk, None]:
        async with aclosing(self._streams.logs(self._callers.user_of(context), request)) as chunks:
            async for data in chunks:
                yield pb.LogChunk(data=data)

    async def exec(
        self, inputs: AsyncIterator[pb.StreamInput], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async with aclosing(self._streams.exec(user, start, inputs)) as outputs:
            async for output in outputs:
                yield output

    async def attach(
        self, inputs: AsyncIterator[pb.StreamInput], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async with aclosing(self._streams.attach(user, start, inputs)) as outputs:
            async for output in outputs:
                yield output

    async def port_forward(
        self, inputs: AsyncIterator[pb.PortForwardMessage], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.PortForwardMessage, None]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async with aclosing(self._streams.port_forward(user, start, inputs)) as answers:
            async for message in answers:
                yield message


async def _start(inputs: AsyncIterator[Any]) -> Any:
    """What the first message of a conversation must hold. Raises `BadRequest`."""
    async for message in inputs:
        if message.WhichOneof("message") == "start":
            return message.start
        break
    raise errors.BadRequest("the first message of the stream must be start")


def _bidirectional(name: str, serve: calls.Streaming, request: Any, answer: Any) -> Any:
    return grpc.stream_stream_rpc_method_handler(
        calls.streaming(SERVICE, name, serve), request.FromString, answer.SerializeToString
    )
