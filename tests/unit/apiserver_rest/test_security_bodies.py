"""Bodies that are well-formed and still nonsense are the client's fault, and told so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api import protobuf
from api.errors import BadRequest
from api.protobuf import descriptors
from api.types import Pod, Record
from apiserver.rest import bodies


def wrapped(record: type[Record], fill: Callable[[Any], None]) -> bytes:
    message, envelope = descriptors.message_class(record)(), descriptors.unknown()()
    fill(message)
    envelope.typeMeta.apiVersion, envelope.typeMeta.kind = "v1", "Pod"
    envelope.raw = message.SerializeToString()
    body: bytes = protobuf.MAGIC + envelope.SerializeToString()
    return body


def a_year_beyond_all_calendars(pod: Any) -> None:
    pod.metadata.creationTimestamp.seconds = 2**62


def no_json(pod: Any) -> None:
    pod.metadata.managedFields.add().fieldsV1.raw = b"\xff{"


@pytest.mark.parametrize("fill", [a_year_beyond_all_calendars, no_json])
def test_protobuf_with_impossible_values_is_a_bad_request(fill: Callable[[Any], None]) -> None:
    with pytest.raises(BadRequest):
        bodies.from_protobuf(wrapped(Pod, fill))


@pytest.mark.parametrize("text", ["a: " + "[" * 300 + "]" * 300, "[" * 3_000_000, "a: \xff"])
def test_yaml_that_is_no_json_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest, match="error converting YAML to JSON"):
        bodies.from_yaml(text.encode("latin-1"))
