"""Logs, exec and port-forward through the API server to a kubelet that answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from api.errors import BadRequest, Forbidden, InternalError, NotFound, ServiceUnavailable
from api.types import (
    Binding,
    Container,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeDaemonEndpoints,
    NodeStatus,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodSpec,
    ServiceAccount,
)
from cluster import connection, grpc_errors
from cluster.client import Client
from cluster.pb import streams_pb2 as pb
from cluster.pb.streams_pb2_grpc import PodStreamsServicer, PodStreamsStub, add_PodStreamsServicer_to_server
from tests.support.apiserver import Apiserver

NODE = "n1"


class Kubelet(PodStreamsServicer):
    """Echoes what it was asked."""

    def __init__(self) -> None:
        self.callers: set[str] = set()

    async def Logs(self, request: pb.LogsRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.LogChunk]:
        self.callers.add(context.auth_context()["x509_common_name"][0].decode())
        if request.previous:
            await grpc_errors.abort(context, BadRequest("previous terminated container not found"))
        yield pb.LogChunk(data=f"{request.pod}/{request.container}\n".encode())

    async def Exec(
        self, inputs: AsyncIterator[pb.StreamInput], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamOutput]:
        start = (await anext(aiter(inputs))).start
        yield pb.StreamOutput(stdout=" ".join((start.container, *start.command)).encode())
        async for message in inputs:
            if message.stdin_closed:
                break
            yield pb.StreamOutput(stdout=message.stdin)
        yield pb.StreamOutput(exit=pb.ExitStatus(code=7))

    async def PortForward(
        self, messages: AsyncIterator[pb.PortForwardMessage], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.PortForwardMessage]:
        start = (await anext(aiter(messages))).start
        async for message in messages:
            yield pb.PortForwardMessage(data=b"%d:%b" % (start.port, message.data))
            return


@pytest.fixture
async def kubelet(apiserver: Apiserver, client: Client) -> AsyncIterator[Kubelet]:
    """A kubelet of node n1, its Node object, and a pod with two containers on it."""
    cert_file, key_file = apiserver.authority.issue_node(NODE)
    kubelet = Kubelet()
    server = grpc.aio.server()
    add_PodStreamsServicer_to_server(kubelet, server)
    credentials = connection.server_credentials(apiserver.authority.ca_file, cert_file, key_file)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    await client.create(node_at(port))
    await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    await client.create(
        Pod(
            metadata=ObjectMeta(name="p", namespace="default"),
            spec=PodSpec(containers=[Container(name="a", image="i"), Container(name="b", image="i")]),
        )
    )
    target = ObjectReference(kind="Node", name=NODE)
    binding = Binding(metadata=ObjectMeta(name="p", namespace="default"), target=target)
    await client.create(binding)
    yield kubelet
    await server.stop(0)


def node_at(port: int, name: str = NODE) -> Node:
    status = NodeStatus(
        addresses=[NodeAddress(type="InternalIP", address="127.0.0.1")],
        daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=port)),
    )
    return Node(metadata=ObjectMeta(name=name), status=status)


@pytest.fixture
async def streams(apiserver: Apiserver) -> AsyncIterator[PodStreamsStub]:
    async with connection.open_channel(apiserver.connection()) as channel:
        yield PodStreamsStub(channel)


async def read_logs(streams: PodStreamsStub, **fields: object) -> bytes:
    request = pb.LogsRequest(**{"namespace": "default", "pod": "p", "container": "a"} | fields)
    try:
        return b"".join([chunk.data async for chunk in streams.Logs(request, timeout=20)])
    except grpc.aio.AioRpcError as error:
        raise grpc_errors.from_rpc_error(error, "the API server") from None


async def test_logs_come_from_the_pods_kubelet_under_the_servers_own_name(
    kubelet: Kubelet, streams: PodStreamsStub
) -> None:
    assert await read_logs(streams) == b"p/a\n"
    assert kubelet.callers == {"kube-apiserver-kubelet-client"}


async def test_the_kubelets_errors_come_through(kubelet: Kubelet, streams: PodStreamsStub) -> None:
    with pytest.raises(BadRequest, match="previous terminated container not found"):
        await read_logs(streams, previous=True)


async def test_what_cannot_be_is_refused_before_the_kubelet_is_asked(kubelet: Kubelet, streams: PodStreamsStub) -> None:
    with pytest.raises(BadRequest, match=r"a container name must be specified for pod p, choose one of: \[a b\]"):
        await read_logs(streams, container="")
    with pytest.raises(BadRequest, match="container x is not valid for pod p"):
        await read_logs(streams, container="x")
    with pytest.raises(NotFound, match='pods "ghost" not found'):
        await read_logs(streams, pod="ghost")
    assert kubelet.callers == set()


async def test_exec_carries_both_directions_and_the_exit_code(kubelet: Kubelet, streams: PodStreamsStub) -> None:
    call = streams.Exec(timeout=20)
    start = pb.StreamStart(namespace="default", pod="p", container="b", command=["echo", "hi"], stdin=True)
    await call.write(pb.StreamInput(start=start))
    assert (await call.read()).stdout == b"b echo hi"
    await call.write(pb.StreamInput(stdin=b"more"))
    assert (await call.read()).stdout == b"more"
    await call.write(pb.StreamInput(stdin_closed=True))
    assert (await call.read()).exit.code == 7
    assert await call.read() is grpc.aio.EOF


async def test_exec_must_begin_with_start(kubelet: Kubelet, streams: PodStreamsStub) -> None:
    call = streams.Exec(timeout=20)
    await call.write(pb.StreamInput(stdin=b"x"))
    with pytest.raises(grpc.aio.AioRpcError, match="the first message of the stream must be start"):
        await call.read()


async def test_a_port_is_forwarded(kubelet: Kubelet, streams: PodStreamsStub) -> None:
    call = streams.PortForward(timeout=20)
    start = pb.PortForwardStart(namespace="default", pod="p", port=80)
    await call.write(pb.PortForwardMessage(start=start))
    await call.write(pb.PortForwardMessage(data=b"ping"))
    assert (await call.read()).data == b"80:ping"


async def test_a_stranger_reads_no_logs(kubelet: Kubelet, apiserver: Apiserver) -> None:
    apiserver.authority.issue("stranger", "jane")
    async with connection.open_channel(apiserver.connection("stranger")) as channel:
        with pytest.raises(Forbidden, match='cannot get resource "pods/log"'):
            await read_logs(PodStreamsStub(channel))


async def test_another_nodes_certificate_is_not_accepted(
    kubelet: Kubelet, streams: PodStreamsStub, client: Client
) -> None:
    """Node n2 claims the address of n1's kubelet: n1's certificate does not speak for n2."""
    node = await client.get(Node, NODE)
    await client.create(node_at(node.status.daemon_endpoints.kubelet_endpoint.port, "n2"))
    await client.create(
        Pod(
            metadata=ObjectMeta(name="q", namespace="default"),
            spec=PodSpec(containers=[Container(name="a", image="i")], node_name="n2"),
        )
    )
    with pytest.raises(ServiceUnavailable, match="the kubelet of node n2"):
        await read_logs(streams, pod="q")


async def test_a_node_without_an_address(kubelet: Kubelet, streams: PodStreamsStub, client: Client) -> None:
    await client.create(Node(metadata=ObjectMeta(name="bare")))
    await client.create(
        Pod(
            metadata=ObjectMeta(name="r", namespace="default"),
            spec=PodSpec(containers=[Container(name="a", image="i")], node_name="bare"),
        )
    )
    with pytest.raises(InternalError, match='node "bare" has not reported an InternalIP address'):
        await read_logs(streams, pod="r")
