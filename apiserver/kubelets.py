"""Calls to the kubelets' own gRPC servers, with the API server's client certificate.

One channel per node, opened on first use and reopened when the node's address changes. Leaves out
authorization and the choice of node: `apiserver.pod_streams` does those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from api import errors
from api.types import Node
from cluster import connection, grpc_errors
from cluster.connection import Connection
from cluster.pb import streams_pb2 as pb
from cluster.pb import usage_pb2
from cluster.pb.streams_pb2_grpc import PodStreamsStub
from cluster.pb.usage_pb2_grpc import NodeUsageStub

# The runtime of nodes whose pods are only simulated: there is no kubelet to call.
HOLLOW = "hollow://"
# How long a kubelet may take to say that it is there.
ANSWER_SECONDS = 5.0

Message = TypeVar("Message")


class Kubelets:
    """`node(name)` gives the Node record or None; `identity` the PEM files (its server is ignored)."""

    def __init__(self, node: Callable[[str], Node | None], identity: Connection) -> None:
        self._node = node
        self._identity = identity
        self._channels: dict[str, tuple[str, grpc.aio.Channel]] = {}

    async def logs(self, node_name: str, request: pb.LogsRequest) -> AsyncGenerator[bytes, None]:
        stub = await self._stub(node_name)
        async with aclosing(_answers(stub.Logs(request), node_name)) as chunks:
            async for chunk in chunks:
                yield chunk.data

    async def exec(
        self, node_name: str, start: pb.StreamStart, inputs: AsyncIterator[pb.StreamInput]
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        stub = await self._stub(node_name)
        first = pb.StreamInput(start=start)
        async with aclosing(_converse(stub.Exec(), first, inputs, node_name)) as outputs:
            async for output in outputs:
                yield output

    async def attach(
        self, node_name: str, start: pb.StreamStart, inputs: AsyncIterator[pb.StreamInput]
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        stub = await self._stub(node_name)
        first = pb.StreamInput(start=start)
        async with aclosing(_converse(stub.Attach(), first, inputs, node_name)) as outputs:
            async for output in outputs:
                yield output

    async def port_forward(
        self, node_name: str, start: pb.PortForwardStart, inputs: AsyncIterator[pb.PortForwardMessage]
    ) -> AsyncGenerator[pb.PortForwardMessage, None]:
        stub = await self._stub(node_name)
        first = pb.PortForwardMessage(start=start)
        async with aclosing(_converse(stub.PortForward(), first, inputs, node_name)) as messages:
            async for message in messages:
                yield message

    async def usage(self, node_name: str, timeout: float) -> usage_pb2.UsageAnswer:
        """What the node and its containers use; `timeout` in seconds."""
        stub = NodeUsageStub(await self._channel(node_name))
        try:
            answer: usage_pb2.UsageAnswer = await stub.Read(usage_pb2.UsageRequest(), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise grpc_errors.from_rpc_error(error, _callee(node_name)) from error
        return answer

    async def close(self) -> None:
        """Close every channel; calls in progress end."""
        channels, self._channels = self._channels, {}
        for _, channel in channels.values():
            await channel.close()

    async def _stub(self, node_name: str) -> PodStreamsStub:
        """For streams, which cannot be begun twice, on a connection that leads to the kubelet of now.

        Of a node that lost its power nobody was told: what is sent first over the old connection is lost with it.
        """
        channel = await self._channel(node_name)
        for _ in range(2):
            try:
                await HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS)
                break
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    break  # somebody is there; how well, the call itself will tell
        return PodStreamsStub(channel)

    async def _channel(self, node_name: str) -> grpc.aio.Channel:
        address = self._address(node_name)
        known = self._channels.get(node_name)
        if known is not None and known[0] == address:
            return known[1]
        # The certificate must be this node's own, whatever address its Node object claims.
        channel = connection.open_channel(replace(self._identity, server=address), server_name=node_name)
        self._channels[node_name] = (address, channel)
        gone = [self._channels.pop(name)[1] for name in tuple(self._channels) if self._node(name) is None]
        for unused in [known[1], *gone] if known is not None else gone:
            await unused.close()
        return channel

    def _address(self, node_name: str) -> str:
        node = self._node(node_name)
        if node is None:
            raise errors.NotFound("nodes", node_name)
        if node.status.node_info.container_runtime_version.startswith(HOLLOW):
            raise errors.BadRequest(f'node "{node_name}" is hollow: its containers have no processes, output or ports')
        port = node.status.daemon_endpoints.kubelet_endpoint.port
        for address in node.status.addresses:
            if address.type == "InternalIP" and port:
                host = f"[{address.address}]" if ":" in address.address else address.address
                return f"{host}:{port}"
        raise errors.InternalError(f'node "{node_name}" has not reported an InternalIP address and a kubelet port yet')


def _callee(node_name: str) -> str:
    return f"the kubelet of node {node_name}"


async def _converse(
    call: Any, first: Message, inputs: AsyncIterator[Message], node_name: str
) -> AsyncGenerator[Any, None]:
    """The call's answers while `first` and the inputs are sent; of inputs none are asked for after the answers' end."""
    sending = asyncio.create_task(_send(call, first, inputs))
    try:
        async with aclosing(_answers(call, node_name)) as answers:
            async for message in answers:
                yield message
    finally:
        sending.cancel()
        await asyncio.wait({sending})
        if not sending.cancelled() and (failure := sending.exception()) is not None:
            raise failure


async def _send(call: Any, first: Message, inputs: AsyncIterator[Message]) -> None:
    """Send everything, then tell that this was all. How the call itself fails is told by its answers."""
    try:
        await call.write(first)
        async for message in inputs:
            await call.write(message)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    except Exception:
        call.cancel()
        raise


async def _answers(call: Any, node_name: str) -> AsyncGenerator[Any, None]:
    """The call's answers. However the caller leaves, the kubelet is told that nobody listens any more."""
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise grpc_errors.from_rpc_error(error, _callee(node_name)) from error
    finally:
        call.cancel()
