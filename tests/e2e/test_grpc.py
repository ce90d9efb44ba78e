"""The gRPC door to a client that knows nothing but reflection, as grpcurl does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.support.cluster import Cluster
from tests.support.kube import Space
from tests.support.manifests import config_map


def _channel(cluster: Cluster, name: str = "admin") -> grpc.Channel:
    folder = cluster.directory / "pki"
    pair = {}
    if name:
        pair = {
            "private_key": (folder / f"{name}.key").read_bytes(),
            "certificate_chain": (folder / f"{name}.crt").read_bytes(),
        }
    credentials = grpc.ssl_channel_credentials((folder / "ca.crt").read_bytes(), **pair)
    return grpc.secure_channel(cluster.grpc, credentials)


class Reflected:
    """A server as its reflection describes it, in a descriptor pool of its own."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = descriptor_pool.DescriptorPool(self._database)

    def services(self) -> set[str]:
        return set(self._database.get_services())

    def service(self, name: str) -> ServiceDescriptor:
        return self._pool.FindServiceByName(name)

    def call(self, service: str, method: str, request: dict[str, Any]) -> list[Any]:
        """Every answer to one request, given as a mapping of its fields."""
        described = self.service(service).FindMethodByName(method)
        make = message_factory.GetMessageClass(described.input_type)
        answer = message_factory.GetMessageClass(described.output_type)
        kind = self._channel.unary_stream if described.server_streaming else self._channel.unary_unary
        call = kind(
            f"/{service}/{method}", request_serializer=make.SerializeToString, response_deserializer=answer.FromString
        )
        result = call(make(**request), timeout=60)
        return list(result) if described.server_streaming else [result]


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Reflected]:
    with _channel(cluster) as channel:
        yield Reflected(channel)


def test_services_are_listed_and_described(server: Reflected) -> None:
    assert server.services() == {
        "podling.v1.Objects",
        "podling.v1.PodStreams",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    methods = {method.name: method for method in server.service("podling.v1.Objects").methods}
    assert {"Get", "List", "Watch", "Create", "Update", "Patch", "Delete", "DeleteCollection", "Write"} == set(methods)
    assert methods["Write"].client_streaming and methods["Write"].server_streaming
    assert [field.name for field in methods["Get"].input_type.fields] == ["target", "resource_version"]


def test_objects_are_listed_and_changed(server: Reflected, space: Space) -> None:
    space.create(config_map("one", a="1"), config_map("two", a="2"))
    target = {"version": "v1", "resource": "configmaps", "namespace": space.name}
    batches = server.call("podling.v1.Objects", "List", {"target": target, "label_selector": "app"})
    items = [item for batch in batches for item in batch.items]
    assert [(item.kind, item.namespace, item.name) for item in items] == [
        ("ConfigMap", space.name, "one"),
        ("ConfigMap", space.name, "two"),
    ]
    assert batches[-1].revision >= max(item.revision for item in items)
    assert json.loads(items[0].raw)["data"] == {"a": "1"}
    assert json.loads(items[0].raw) == space.get("cm", "one")
    named = {"target": {**target, "name": "one"}}
    [answer] = server.call(
        "podling.v1.Objects",
        "Patch",
        {**named, "body": b'{"data":{"a":"3"}}', "patch_type": "application/merge-patch+json"},
    )
    assert json.loads(answer.raw)["data"] == {"a": "3"}
    server.call("podling.v1.Objects", "Delete", named)
    assert space.find("cm", "one") is None
    with pytest.raises(grpc.RpcError) as missing:
        server.call("podling.v1.Objects", "Get", named)
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]
    assert missing.value.details() == 'configmaps "one" not found'  # type: ignore[attr-defined]
    trailers = dict(missing.value.trailing_metadata())  # type: ignore[attr-defined]
    assert json.loads(trailers["podling-status-bin"])["reason"] == "NotFound"


@pytest.mark.parametrize("service", ["", "podling.v1.Objects", "podling.v1.PodStreams"])
def test_health(server: Reflected, service: str) -> None:
    [answer] = server.call("grpc.health.v1.Health", "Check", {"service": service})
    assert answer.DESCRIPTOR.enum_types_by_name["ServingStatus"].values_by_number[answer.status].name == "SERVING"


def test_without_a_certificate_nothing_is_told(cluster: Cluster) -> None:
    with _channel(cluster, "") as channel:
        for attempt in (
            lambda: Reflected(channel).services(),
            lambda: channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=60),
            lambda: channel.unary_unary("/podling.v1.Objects/Get")(b"", timeout=60),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                attempt()
            code = refused.value.code()  # type: ignore[attr-defined]
            assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)


def test_other_callers_have_their_own_rights(cluster: Cluster, space: Space) -> None:
    target = {"version": "v1", "resource": "secrets", "namespace": space.name}
    with _channel(cluster, "kube-proxy-node-1") as channel, pytest.raises(grpc.RpcError) as refused:
        Reflected(channel).call("podling.v1.Objects", "List", {"target": target})
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]
    assert 'User "system:kube-proxy" cannot list resource "secrets"' in refused.value.details()  # type: ignore[attr-defined]
