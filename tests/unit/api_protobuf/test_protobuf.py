"""Protobuf bodies: what clients send becomes the tree their JSON would have given."""

from __future__ import annotations

import pytest

from api import codec, defaults, protobuf
from api.errors import BadRequest, UnsupportedMediaType
from api.protobuf import descriptors
from api.protobuf.numbers import NUMBERS
from api.types import DeleteOptions, Deployment, Endpoint, EphemeralContainer, Pod, Probe, UserInfo, Volume
from api.types.reflection import fields

# The body kubectl 1.32 sends for `create deployment web --image=busybox --replicas=3 -- sleep 1000`.
DEPLOYMENT = bytes.fromhex(
    "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412bd010a1f"
    "0a0377656212001a0022002a003200380042005a0a0a03617070120377656212"
    "8b010803120c0a0a0a036170701203776562"
    "1a710a1c0a0012001a0022002a0032003800420"
    "05a0a0a036170701203776562125112330a0762757379626f78120762757379626f781a05736c656570"
    "1a04313030302a0042006a0072008001008801009001"
    "00a201001a00320042004a0052005800600068008201008a01009a0100c2010022020a00280038001a0c08"
    "0010001800200028003800"
    "1a002200"
)


def envelope(api_version: str, kind: str, message: object) -> bytes:
    unknown = descriptors.unknown()()
    unknown.typeMeta.apiVersion, unknown.typeMeta.kind = api_version, kind
    unknown.raw = message.SerializeToString()  # type: ignore[attr-defined]
    return protobuf.MAGIC + unknown.SerializeToString()


def test_what_kubectl_sends_is_the_deployment_it_means() -> None:
    deployment = codec.from_tree(Deployment, protobuf.decode(DEPLOYMENT))
    assert deployment.metadata.name == "web"
    assert deployment.metadata.creation_timestamp is None or deployment.metadata.creation_timestamp == ""
    assert deployment.spec.replicas == 3
    (container,) = deployment.spec.template.spec.containers
    assert (container.name, container.image, container.command) == ("busybox", "busybox", ["sleep", "1000"])
    assert defaults.apply(deployment).spec.strategy.type == "RollingUpdate"


def test_embedded_messages_show_their_fields_as_the_owners() -> None:
    pod = descriptors.message_class(Pod)()
    volume = pod.spec.volumes.add(name="data")
    volume.embedded.hostPath.path = "/srv"
    probe = pod.spec.containers.add(name="main").livenessProbe
    probe.embedded.httpGet.port.type = 1
    probe.embedded.httpGet.port.strVal = "http"
    probe.periodSeconds = 3
    tree = protobuf.decode(envelope("v1", "Pod", pod))
    assert tree["spec"]["volumes"] == [{"name": "data", "hostPath": {"path": "/srv"}}]
    assert tree["spec"]["containers"][0]["livenessProbe"] == {"httpGet": {"port": "http"}, "periodSeconds": 3}


def test_quantities_times_maps_and_bytes() -> None:
    pod = descriptors.message_class(Pod)()
    pod.metadata.labels["app"] = "web"
    pod.metadata.creationTimestamp.seconds = 1_700_000_000
    pod.spec.containers.add(name="main").resources.limits["memory"].string = "64Mi"
    tree = protobuf.decode(envelope("v1", "Pod", pod))
    assert tree["metadata"] == {"labels": {"app": "web"}, "creationTimestamp": "2023-11-14T22:13:20Z"}
    assert tree["spec"]["containers"][0]["resources"] == {"limits": {"memory": "64Mi"}}


def test_delete_options_come_under_any_group() -> None:
    options = descriptors.message_class(DeleteOptions)()
    options.gracePeriodSeconds = 0
    assert protobuf.decode(envelope("apps/v1", "DeleteOptions", options))["gracePeriodSeconds"] == 0


def test_kinds_without_protobuf_are_refused() -> None:
    body = envelope("gateway.networking.k8s.io/v1", "Gateway", descriptors.unknown()())
    with pytest.raises(UnsupportedMediaType, match="application/json, application/yaml"):
        protobuf.decode(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"kind":"Pod"}', "expected prefix"),
        (protobuf.MAGIC + b"\xff\xff", "not protobuf"),
        (envelope("v1", "Nothing", descriptors.unknown()()), 'no kind "Nothing"'),
    ],
)
def test_anything_else_is_a_bad_request(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        protobuf.decode(body)


@pytest.mark.parametrize(
    "record", [Pod, Deployment, DeleteOptions, Volume, Probe, EphemeralContainer, Endpoint, UserInfo]
)
def test_numbers_name_fields_that_exist_and_are_unique(record: type) -> None:
    numbers = descriptors.numbers(record)
    assert set(numbers) <= set(fields(record))
    assert len(set(numbers.values())) == len(numbers)


def test_every_message_can_be_built() -> None:
    from api import scheme

    for resource in scheme.RESOURCES:
        descriptors.message_class(resource.record)
    assert sum(map(len, NUMBERS.values())) > 200
