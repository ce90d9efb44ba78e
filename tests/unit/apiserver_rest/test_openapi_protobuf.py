"""The OpenAPI document as protobuf, read back field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from api import openapi
from apiserver.rest import openapi_protobuf


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message: bytes, or an int for numbers."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        value, position = varint(data, position)
        if tag & 7 == 2:
            yield tag >> 3, data[position : position + value]
            position += value
        else:
            yield tag >> 3, value


def varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def one(data: bytes, *numbers: int) -> Any:
    """The only value along a path of field numbers."""
    for number in numbers:
        (data,) = [value for found, value in fields(data) if found == number]
    return data


def named(data: bytes, number: int) -> dict[str, bytes]:
    entries = [value for found, value in fields(data) if found == number]
    return {one(entry, 1).decode(): one(entry, 2) for entry in entries}


def test_the_whole_document_is_there() -> None:
    tree = json.loads(openapi.v2())
    document = openapi_protobuf.encode(openapi.v2())
    assert one(document, 1) == b"2.0"
    assert one(document, 2, 1).decode() == tree["info"]["title"]
    assert named(one(document, 8), 2).keys() == tree["paths"].keys()
    assert named(one(document, 9), 1).keys() == tree["definitions"].keys()


def test_what_kubectl_looks_for() -> None:
    """Whether a kind's patch takes `fieldValidation`; the type of a field of a kind."""
    document = openapi_protobuf.encode(openapi.v2())
    path = named(one(document, 8), 2)["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    patch = one(path, 8)
    kind = json.loads(one(named(patch, 13)["x-kubernetes-group-version-kind"], 2))
    assert kind == {"group": "apps", "version": "v1", "kind": "Deployment"}
    queries = [
        one(value, 1, 2, 3)
        for number, value in fields(patch)
        if number == 8 and dict(fields(value)).keys() == {1} and dict(fields(one(value, 1))).keys() == {2}
    ]
    assert b"fieldValidation" in [one(query, 4) for query in queries]
    definition = named(one(document, 9), 1)["io.k8s.api.apps.v1.DeploymentSpec"]
    properties = named(one(definition, 25), 1)
    assert one(properties["replicas"], 22, 1) == b"integer"
    assert one(properties["template"], 1) == b"#/definitions/io.k8s.api.core.v1.PodTemplateSpec"
    assert [value for number, value in fields(definition) if number == 19] == [b"selector", b"template"]
