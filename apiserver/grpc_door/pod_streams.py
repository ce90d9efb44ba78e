"""The PodStreams service for all pods: authorized here, carried by the kubelet of the pod's node."""

from __future__ import annotations

from collections.abc import AsyncIterator
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

    async def logs(self, request: pb.LogsRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.LogChunk]:
        async for data in self._streams.logs(self._callers.user_of(context), request):
            yield pb.LogChunk(data=data)

    async def exec(
        self, inputs: AsyncIterator[pb.StreamInput], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamOutput]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async for output in self._streams.exec(user, start, inputs):
            yield output

    async def attach(
        self, inputs: AsyncIterator[pb.StreamInput], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamOutput]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async for output in self._streams.attach(user, start, inputs):
            yield output

    async def port_forward(
        self, inputs: AsyncIterator[pb.PortForwardMessage], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.PortForwardMessage]:
        user = self._callers.user_of(context)
        start = await _start(inputs)
        async for message in self._streams.port_forward(user, start, inputs):
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
