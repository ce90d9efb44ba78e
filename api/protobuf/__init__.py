"""Objects as upstream's protobuf: what kubectl and Go clients may send instead of JSON.

The envelope is `k8s\\0` and a `runtime.Unknown` message that names the type and holds the object. The messages'
descriptors are built from the records and `numbers`, and parsed by the protobuf library; the result is the same
tree JSON would give. Only decoding is here: every client that sends protobuf accepts JSON back.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from api import scheme
from api.errors import BadRequest, UnsupportedMediaType
from api.protobuf import descriptors, trees
from api.protobuf.numbers import NUMBERS
from api.types import DeleteOptions
from api.types.record import Record
from api.types.reflection import package

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
MAGIC: Final = b"k8s\x00"
WITHOUT_PROTOBUF: Final = ("application/json", "application/yaml")


def decode(body: bytes) -> dict[str, Any]:
    """The object's tree, with apiVersion and kind. Raises BadRequest, and UnsupportedMediaType for kinds without."""
    if not body.startswith(MAGIC):
        raise BadRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = descriptors.unknown().FromString(body[len(MAGIC) :])
        api_version, kind = envelope.typeMeta.apiVersion, envelope.typeMeta.kind
        record = _record(api_version, kind)
        message = descriptors.message_class(record).FromString(envelope.raw)
    except DecodeError as error:
        raise BadRequest(f"the body of the request is not protobuf of a Kubernetes object: {error}") from None
    return {"apiVersion": api_version, "kind": kind, **trees.of_message(message, record)}


def _record(api_version: str, kind: str) -> type[Record]:
    # Every group's clients send the options of a delete under their own group's version.
    if kind == "DeleteOptions":
        return DeleteOptions
    try:
        record = scheme.KINDS[api_version, kind]
    except KeyError:
        raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}"') from None
    if package(record) not in NUMBERS:
        # What upstream serves as a custom resource has no protobuf.
        raise UnsupportedMediaType(WITHOUT_PROTOBUF)
    return record
