"""The API server as a process: gRPC door, watches, start, drain, kills."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from api.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InternalError,
    Invalid,
    NotFound,
    ServiceUnavailable,
    StatusError,
)
from api.types import ConfigMap, Container, ObjectMeta, Pod, PodSpec, ServiceAccount
from cluster.client import Client, EventType, PatchKind
from cluster.connection import open_channel
from cluster.informer import Informer
from tests.support.apiserver import Apiserver
from tests.support.etcd import Etcd
from tests.support.polling import eventually
from tests.support.ports import free_port

RSS_LIMIT_KIB = 110 * 1024


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_objects_over_grpc(client: Client) -> None:
    made = await client.create(config_map("a", k="1"))
    assert (await client.get(ConfigMap, "a", "default")) == made
    with pytest.raises(AlreadyExists):
        await client.create(config_map("a"))
    patched = await client.patch(ConfigMap, "a", "default", {"data": {"x": "2"}})
    assert patched.data == {"k": "1", "x": "2"}
    with pytest.raises(Conflict):
        await client.update(made)
    await client.delete(ConfigMap, "a", "default")
    with pytest.raises(NotFound):
        await client.get(ConfigMap, "a", "default")


async def test_ephemeral_containers_are_only_added(client: Client) -> None:
    await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    spec = PodSpec(containers=[Container(name="c", image="busybox")])
    await client.create(Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=spec))

    async def add(**fields: str) -> Pod:
        body = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox", **fields}]}}
        return await client.patch(
            Pod, "p", "default", body, kind=PatchKind.STRATEGIC, subresource="ephemeralcontainers"
        )

    added = await add()
    assert [container.name for container in added.spec.ephemeral_containers] == ["debug"]
    with pytest.raises(Invalid, match='existing ephemeral containers "debug" may not be changed'):
        await add(image="python")


async def test_a_thousand_writes_at_once_and_a_paged_list(client: Client) -> None:
    await asyncio.gather(*(client.create(config_map(f"c{number:04}", k="v" * 500)) for number in range(1000)))
    whole = await client.list(ConfigMap, "default")
    assert len(whole.items) == 1000
    page = await client.list(ConfigMap, "default", limit=600)
    rest = await client.list(ConfigMap, "default", limit=600, continue_=page.continue_)
    assert [item.metadata.name for item in (*page.items, *rest.items)] == [f"c{number:04}" for number in range(1000)]


async def test_a_watch_over_grpc_sees_changes_in_order(client: Client) -> None:
    start = (await client.list(ConfigMap, "default")).revision
    seen: list[tuple[EventType, str]] = []

    async def follow() -> None:
        async for batch in client.watch(ConfigMap, "default", resource_version=str(start)):
            seen.extend((event.type, event.object.metadata.name) for event in batch.events)

    following = asyncio.create_task(follow())
    await client.create(config_map("a"))
    await client.create(config_map("b"))
    await client.delete(ConfigMap, "a", "default")

    async def complete() -> bool:
        return len(seen) >= 3

    await eventually(complete)
    following.cancel()
    assert seen == [(EventType.ADDED, "a"), (EventType.ADDED, "b"), (EventType.DELETED, "a")]


async def test_a_stranger_may_nothing_and_a_caller_without_certificate_not_even_connect(
    apiserver: Apiserver,
) -> None:
    apiserver.authority.issue("stranger", "jane")
    async with open_channel(apiserver.connection("stranger")) as channel:
        client = Client(channel)
        with pytest.raises(Forbidden, match='User "jane" cannot create resource "configmaps"'):
            await client.create(config_map("a"))
        await client.close()
    credentials = grpc.ssl_channel_credentials(apiserver.authority.ca_file.read_bytes())
    async with grpc.aio.secure_channel(apiserver.grpc_address, credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_generic_client_finds_its_way(apiserver: Apiserver) -> None:
    async with open_channel(apiserver.connection()) as channel:
        answer = await HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="podling.v1.Objects"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

        async def question() -> object:
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        async for listed in ServerReflectionStub(channel).ServerReflectionInfo(question()):
            names = {service.name for service in listed.list_services_response.service}
            break
    assert {"podling.v1.Objects", "podling.v1.PodStreams", "grpc.health.v1.Health"} <= names


def test_health_and_metrics(apiserver: Apiserver) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert apiserver.request("GET", path, identity=None).body == b"ok"
    verbose = apiserver.request("GET", "/readyz?verbose", identity=None).body.decode()
    assert "[+]etcd ok" in verbose
    text = apiserver.request("GET", "/metrics").body.decode()
    assert 'apiserver_storage_objects{resource="namespaces"} 4.0' in text
    assert "apiserver_request_total" in text


def test_an_idle_server_is_small(apiserver: Apiserver) -> None:
    lines = Path(f"/proc/{apiserver.pid}/status").read_text().splitlines()
    (resident,) = [int(line.split()[1]) for line in lines if line.startswith("VmRSS:")]
    assert resident < RSS_LIMIT_KIB


async def test_sigterm_ends_watches_quietly_and_the_process_with_0(apiserver: Apiserver, client: Client) -> None:
    begun = asyncio.Event()

    async def follow() -> None:
        async for _ in client.watch(ConfigMap, "default", resource_version="0"):
            begun.set()

    following = asyncio.create_task(follow())
    await client.create(config_map("a"))
    async with asyncio.timeout(60):
        await begun.wait()
        assert await asyncio.to_thread(apiserver.stop) == 0
        await following
    assert "Traceback" not in apiserver.log()


async def write_until_told(client: Client, stop: asyncio.Event, acknowledged: set[str], prefix: str) -> None:
    number = 0
    while not stop.is_set():
        name = f"{prefix}-{number}"
        number += 1
        try:
            await client.create(config_map(name))
        except AlreadyExists:
            pytest.fail(f"{name} was created twice")
        except StatusError:
            await asyncio.sleep(0.02)
        else:
            acknowledged.add(name)


async def hammer(client: Client, fault: object, acknowledged: set[str]) -> None:
    """Write from several sides while `fault` happens."""
    stop = asyncio.Event()
    writers = [asyncio.create_task(write_until_told(client, stop, acknowledged, f"w{side}")) for side in range(8)]

    async def enough(count: int) -> None:
        async def reached() -> bool:
            return len(acknowledged) >= count

        await eventually(reached, what=f"{count} acknowledged writes")

    await enough(100)
    await asyncio.to_thread(fault)  # type: ignore[arg-type]
    await enough(len(acknowledged) + 100)
    stop.set()
    await asyncio.gather(*writers)


async def test_no_acknowledged_write_is_lost_when_etcd_is_killed(
    apiserver: Apiserver, client: Client, etcd: Etcd
) -> None:
    acknowledged: set[str] = set()

    def fault() -> None:
        etcd.kill()
        etcd.start()

    await hammer(client, fault, acknowledged)
    present = {item.metadata.name for item in (await client.list(ConfigMap, "default")).items}
    assert acknowledged <= present


async def test_no_acknowledged_write_is_lost_when_the_server_is_killed(apiserver: Apiserver, client: Client) -> None:
    acknowledged: set[str] = set()

    def fault() -> None:
        apiserver.kill()
        apiserver.start()

    await hammer(client, fault, acknowledged)
    present = {item.metadata.name for item in (await client.list(ConfigMap, "default")).items}
    assert acknowledged <= present


async def test_an_informer_survives_restarts_of_everything(apiserver: Apiserver, client: Client, etcd: Etcd) -> None:
    informer = Informer(client, ConfigMap, namespace="default")
    running = asyncio.create_task(informer.run())
    await client.create(config_map("before"))
    await asyncio.to_thread(etcd.kill)
    await asyncio.to_thread(apiserver.kill)
    await asyncio.to_thread(etcd.start)
    await asyncio.to_thread(apiserver.start)

    async def written() -> bool:
        try:
            await client.create(config_map("after"))
        except AlreadyExists:
            return True
        except (InternalError, ServiceUnavailable):
            return False  # the old connection's end was noticed only now
        return True

    await eventually(written)

    async def complete() -> bool:
        names = {item.metadata.name for item in informer.items()}
        return names == {"before", "after"}

    await eventually(complete)
    running.cancel()


def run_to_end(flags: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "apiserver", *flags], capture_output=True, text=True, timeout=110)


def replaced(flags: list[str], name: str, value: str) -> list[str]:
    return [f"--{name}={value}" if flag.startswith(f"--{name}=") else flag for flag in flags]


def fatal_line(flags: list[str]) -> str:
    ended = run_to_end(flags)
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("timestamp=")]
    assert len(lines) == 1, ended.stderr
    return lines[0]


def test_what_keeps_it_from_working_is_said_in_one_line(apiserver: Apiserver, monkeypatch: pytest.MonkeyPatch) -> None:
    apiserver.kill()
    flags = apiserver.flags()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = fatal_line(replaced(flags, "rest-address", f"127.0.0.1:{port}"))
        assert f"cannot serve REST on 127.0.0.1:{port}" in line
        line = fatal_line(replaced(flags, "grpc-address", f"127.0.0.1:{port}"))
        assert "cannot serve gRPC" in line
        assert str(port) in line
    line = fatal_line(replaced(flags, "service-account-key-file", "/nonexistent/sa.key"))
    assert "/nonexistent/sa.key" in line


def test_an_unreachable_etcd_is_said_in_one_line(apiserver: Apiserver) -> None:
    apiserver.kill()
    port = free_port()
    line = fatal_line(replaced(apiserver.flags(), "etcd-endpoints", f"http://127.0.0.1:{port}"))
    assert f"etcd at 127.0.0.1:{port} cannot be reached" in line
    assert "--etcd-endpoints" in line


def test_help_needs_nothing() -> None:
    assert "--etcd-endpoints" in run_to_end(["--help"]).stdout
