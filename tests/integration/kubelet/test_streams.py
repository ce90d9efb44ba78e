"""The node's own gRPC server: logs, exec, attach, port-forward, and who may call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from api import errors
from cluster import grpc_errors
from cluster.connection import open_channel
from cluster.pb import streams_pb2 as pb
from cluster.pb.streams_pb2_grpc import PodStreamsStub
from tests.support.kubelet_node import NODE, NodeUnderTest, Pods

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "command": ["sh", "-c", script], **more}


@pytest.fixture
async def streams(node: NodeUnderTest) -> AsyncIterator[PodStreamsStub]:
    """The API server's way to the node."""
    async with open_channel(node.connection("kubelet-client"), server_name=NODE) as channel:
        yield PodStreamsStub(channel)


async def logs(streams: PodStreamsStub, pods: Pods, pod: str, **options: Any) -> bytes:
    request = pb.LogsRequest(namespace=pods.namespace, pod=pod, **options)
    return b"".join([chunk.data async for chunk in streams.Logs(request)])


async def exec(
    streams: PodStreamsStub, pods: Pods, pod: str, *command: str, stdin: bytes | None = None, **options: Any
) -> tuple[bytes, bytes, int]:
    """Standard output, standard error and exit code of a command."""
    start = pb.StreamStart(
        namespace=pods.namespace,
        pod=pod,
        command=command,
        stdin=stdin is not None,
        stdout=True,
        stderr=True,
        **options,
    )

    async def inputs() -> AsyncIterator[pb.StreamInput]:
        yield pb.StreamInput(start=start)
        if stdin is not None:
            yield pb.StreamInput(stdin=stdin)
            yield pb.StreamInput(stdin_closed=True)

    out, err, code = b"", b"", -1
    async for output in streams.Exec(inputs()):
        kind = output.WhichOneof("message")
        out += output.stdout
        err += output.stderr
        if kind == "exit":
            code = output.exit.code
    return out, err, code


async def test_logs_tail_timestamps_and_limit(pods: Pods, streams: PodStreamsStub) -> None:
    await pods.create("says", shell("for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2"), restartPolicy="Never")
    await pods.phase("says", "Succeeded")
    whole = await logs(streams, pods, "says")
    assert sorted(whole.splitlines()) == [*(b"line %d" % i for i in range(1, 6)), b"oops"]
    assert len((await logs(streams, pods, "says", tail_lines=2)).splitlines()) == 2
    assert await logs(streams, pods, "says", tail_lines=0) == b""
    assert await logs(streams, pods, "says", limit_bytes=4) == whole[:4]
    assert await logs(streams, pods, "says", since_time="2100-01-01T00:00:00Z") == b""
    stamped = await logs(streams, pods, "says", timestamps=True, tail_lines=1)
    assert stamped.split(b" ", 1)[0].endswith(b"Z")


async def test_following_ends_with_the_container(pods: Pods, streams: PodStreamsStub) -> None:
    await pods.create("counts", shell("for i in 1 2 3; do echo $i; sleep 0.3; done"), restartPolicy="Never")
    # It may be over before anybody looks: what is followed then is all there was.
    await pods.until("counts", "has begun", lambda pod: pod.status.phase in ("Running", "Succeeded"))
    async with asyncio.timeout(60):
        assert await logs(streams, pods, "counts", follow=True) == b"1\n2\n3\n"


async def test_the_log_of_the_run_before(pods: Pods, streams: PodStreamsStub) -> None:
    script = "test -e /v/second && { echo second; sleep 100; }; touch /v/second; echo first; exit 1"
    volumes = [{"name": "v", "emptyDir": {}}]
    await pods.create("again", shell(script, volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes)

    async def second_runs() -> bool:
        try:
            return await logs(streams, pods, "again") == b"second\n"
        except grpc.aio.AioRpcError:
            return False

    await pods.eventually("the second run speaks", second_runs)
    assert await logs(streams, pods, "again", previous=True) == b"first\n"


async def test_logs_are_rotated_and_read_across_files(pods: Pods, streams: PodStreamsStub) -> None:
    script = f"i=0; while [ $i -lt 600 ]; do echo line $i of a log that grows; i=$((i+1)); done; {FOREVER}"
    await pods.create("grows", shell(script))
    pod = await pods.ready("grows")
    directory = next((pods.node.data_dir / "logs").glob(f"*{pod.metadata.uid}")) / "main"

    async def rotated() -> bool:
        return any(path.name.startswith("0.log.") for path in directory.iterdir())

    async def all_said() -> bool:
        return b"line 599 " in await logs(streams, pods, "grows")

    await pods.eventually("the log was rotated", rotated)
    await pods.eventually("everything was said", all_said)
    text = await logs(streams, pods, "grows")
    assert text.splitlines() == [b"line %d of a log that grows" % i for i in range(600)]
    assert await logs(streams, pods, "grows", tail_lines=3) == b"".join(
        b"line %d of a log that grows\n" % i for i in (597, 598, 599)
    )
    assert await exec(streams, pods, "grows", "sh", "-c", "echo more > /proc/1/fd/1") == (b"", b"", 0)

    async def goes_on() -> bool:
        return (await logs(streams, pods, "grows")).endswith(b"more\n")

    await pods.eventually("the container writes to the new file", goes_on)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"container": "no"}, "container no is not valid for pod quiet"),
        ({"previous": True}, 'previous terminated container "main" in pod "quiet" not found'),
        ({"since_time": "yesterday"}, "sinceTime: 'yesterday' is not an RFC 3339 time"),
    ],
)
async def test_log_requests_that_make_no_sense(
    pods: Pods, streams: PodStreamsStub, options: dict[str, Any], message: str
) -> None:
    await pods.create("quiet", shell(FOREVER))
    await pods.ready("quiet")
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await logs(streams, pods, "quiet", **options)
    error = grpc_errors.from_rpc_error(refusal.value, "the node")
    assert isinstance(error, errors.BadRequest)
    assert error.message == message


async def test_a_container_that_waits_has_no_log(pods: Pods, streams: PodStreamsStub) -> None:
    await pods.create("waits", {"name": "main", "image": "127.0.0.1:1/no-such-image"})
    await pods.events("waits", "Failed")
    with pytest.raises(grpc.aio.AioRpcError, match="is waiting to start"):
        await logs(streams, pods, "waits")


async def test_exec_carries_streams_and_exit_code(pods: Pods, streams: PodStreamsStub) -> None:
    await pods.create("shell", shell(FOREVER))
    await pods.ready("shell")
    assert await exec(streams, pods, "shell", "sh", "-c", "echo out; echo err >&2; exit 3") == (b"out\n", b"err\n", 3)
    large = b"0123456789abcdef" * 20_000
    assert await exec(streams, pods, "shell", "cat", stdin=large) == (large, b"", 0)
    out, _, code = await exec(streams, pods, "shell", "sh", "-c", "tty; echo hi", tty=True)
    assert code == 0
    # runc leaves the ends of lines to the outer terminal a moment after the command began: until then both end them.
    assert re.fullmatch(rb"/dev/pts/\d+\r{1,2}\nhi\r{1,2}\n", out)
    _, err, code = await exec(streams, pods, "shell", "/no/such/program")
    assert code in (126, 127)
    assert err


async def test_exec_in_a_pod_that_is_not_there(pods: Pods, streams: PodStreamsStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await exec(streams, pods, "nobody", "true")
    assert isinstance(grpc_errors.from_rpc_error(refusal.value, "the node"), errors.NotFound)


async def test_attach_joins_the_containers_own_process(pods: Pods, streams: PodStreamsStub) -> None:
    await pods.create("echo", shell("while read line; do echo got $line; done", stdin=True))
    await pods.ready("echo")
    start = pb.StreamStart(namespace=pods.namespace, pod="echo", stdin=True, stdout=True, stderr=True)
    call = streams.Attach()
    await call.write(pb.StreamInput(start=start))
    await call.write(pb.StreamInput(stdin=b"hello\n"))
    async with asyncio.timeout(60):
        answer = await call.read()
    assert answer.stdout == b"got hello\n"
    call.cancel()


async def test_port_forward(pods: Pods, streams: PodStreamsStub) -> None:
    script = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 127.0.0.1:8080 -h /www"
    await pods.create("served", shell(script))
    await pods.ready("served")

    async def forward(port: int) -> tuple[bytes, str]:
        async def inputs() -> AsyncIterator[pb.PortForwardMessage]:
            start = pb.PortForwardStart(namespace=pods.namespace, pod="served", port=port)
            yield pb.PortForwardMessage(start=start)
            yield pb.PortForwardMessage(data=b"GET /index.html HTTP/1.0\r\n\r\n")

        data, problem = b"", ""
        async for message in streams.PortForward(inputs()):
            data += message.data
            problem += message.error
        return data, problem

    async def answered() -> bool:
        return (await forward(8080))[0].endswith(b"hello\n")

    await pods.eventually("the server in the pod answers", answered)
    data, problem = await forward(9)
    assert data == b""
    assert problem


@pytest.mark.parametrize("identity", ["kubelet", "apiserver"])
async def test_only_the_api_server_and_administrators_may_call(pods: Pods, node: NodeUnderTest, identity: str) -> None:
    async with open_channel(node.connection(identity), server_name=NODE) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await logs(PodStreamsStub(channel), pods, "any")
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_health_and_reflection(node: NodeUnderTest) -> None:
    async with open_channel(node.connection("admin"), server_name=NODE) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    connection = node.connection("admin")
    credentials = grpc.ssl_channel_credentials(
        connection.ca_file.read_bytes(), connection.key_file.read_bytes(), connection.cert_file.read_bytes()
    )
    options = (("grpc.ssl_target_name_override", NODE),)
    with grpc.secure_channel(connection.server, credentials, options=options) as channel:
        assert "podling.v1.PodStreams" in ProtoReflectionDescriptorDatabase(channel).get_services()
