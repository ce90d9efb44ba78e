"""Request bodies in Kubernetes' protobuf encoding (application/vnd.kubernetes.protobuf), which kubectl and Go clients
send for built-in kinds.

Only decoding: every such client takes JSON for an answer.
"""

from typing import Any

import msgspec

from api.errors import BadRequest
from api.protobuf import messages, wire
from api.scheme import KINDS
from api.types import DeleteOptions
from api.types.record import Record

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"


def to_json(data: bytes) -> bytes:
    """The object in a protobuf body, as JSON. Raises as `decode`."""
    return msgspec.json.encode(decode(data))


def decode(data: bytes) -> dict[str, Any]:
    """The object in a protobuf body, as tree with apiVersion and kind.

    The body is an envelope (runtime.Unknown): apiVersion and kind, and the object's message. Raises `BadRequest` when
    it is malformed or of a kind there is no record for.
    """
    if not data.startswith(_MAGIC):
        raise BadRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    envelope = _fields(memoryview(data)[len(_MAGIC) :])
    meta = _fields(envelope.get(1, memoryview(b"")))
    api_version, kind = (str(meta.get(number, memoryview(b"")), "utf-8", "replace") for number in (1, 2))
    tree = messages.decode(_record(api_version, kind), envelope.get(2, memoryview(b"")))
    return {"apiVersion": api_version, "kind": kind, **tree}


def _fields(message: memoryview) -> dict[int, memoryview]:
    return {number: value for number, _, value in wire.read(message) if isinstance(value, memoryview)}


def _record(api_version: str, kind: str) -> type[Record]:
    if not kind:
        raise BadRequest("Object 'Kind' is missing in the protobuf envelope")
    if kind == "DeleteOptions":
        return DeleteOptions
    record = KINDS.get((api_version, kind))
    if record is None:
        raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}"')
    return record
