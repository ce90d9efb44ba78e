"""Between records, JSON trees and the canonical bytes of an object.

The canonical form is compact JSON with keys in record order: `apiVersion`, `kind`, `metadata` first, and in
metadata `resourceVersion` first. It is stored without `resourceVersion`, which is spliced in on reading.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar, cast

import msgspec

from api import go_json
from api.canonical import canonical as canonical_form
from api.errors import BadRequest, Undecodable
from api.go_syntax import syntax_error
from api.scalar_forms import UnmarshalError
from api.strict import field_problems as field_problems
from api.types.record import Record

R = TypeVar("R", bound=Record)

_METADATA = b'"metadata":{'
_RESOURCE_VERSION = b'"resourceVersion":"'
_encoder = msgspec.json.Encoder()
_tree_decoder = msgspec.json.Decoder()


@functools.cache
def _decoder(record_type: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(record_type)


def decode(record_type: type[R], data: bytes) -> R:
    """The record JSON bytes stand for; unknown fields are ignored, null means unset.

    Raises `BadRequest` with upstream's wording on malformed JSON and on values of the wrong type.
    """
    try:
        return cast(R, _decoder(record_type).decode(data))
    except msgspec.ValidationError:
        return _from_odd_tree(record_type, decode_tree(data, _kind(record_type)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(_kind(record_type), data, error) from None


def from_tree(record_type: type[R], tree: Any) -> R:
    """As `decode`, from a tree of dicts, lists and scalars."""
    try:
        return msgspec.convert(tree, record_type)
    except msgspec.ValidationError:
        return _from_odd_tree(record_type, tree)


def decode_tree(data: bytes, kind: str = "") -> Any:
    """JSON bytes as a tree. Raises `BadRequest`, naming `kind` as what was expected."""
    try:
        return _tree_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(kind, data, error) from None


def encode(record: Record) -> bytes:
    """The record as canonical JSON."""
    return _encoder.encode(record)


def encode_stored(record: Record) -> bytes:
    """The record as stored: canonical JSON without `metadata.resourceVersion`."""
    return without_resource_version(_encoder.encode(record))


def to_tree(record: Record) -> dict[str, Any]:
    """The record as a tree of dicts, lists and scalars; what `encode` leaves out is absent."""
    return cast(dict[str, Any], msgspec.to_builtins(record))


def with_resource_version(data: bytes, revision: int) -> bytes:
    """Stored bytes with the revision as first key of metadata."""
    start = data.index(_METADATA) + len(_METADATA)
    if data[start : start + 1] == b"}":
        return b'%b"resourceVersion":"%d"%b' % (data[:start], revision, data[start:])
    return b'%b"resourceVersion":"%d",%b' % (data[:start], revision, data[start:])


def without_resource_version(data: bytes) -> bytes:
    """Canonical bytes with `metadata.resourceVersion` cut out, if it was there."""
    start = data.index(_METADATA) + len(_METADATA)
    if not data.startswith(_RESOURCE_VERSION, start):
        return data
    end = data.index(b'"', start + len(_RESOURCE_VERSION)) + 1
    if data[end : end + 1] == b",":
        end += 1
    return data[:start] + data[end:]


def canonical(record: R) -> R:
    """The record with quantities, times and base64 in the forms upstream answers with.

    Raises `BadRequest` for those that cannot be parsed. `api.defaults.apply` does this too.
    """
    try:
        return canonical_form(record)
    except UnmarshalError as error:
        raise _undecodable(type(record), to_tree(record), str(error)) from None


def _from_odd_tree(record_type: type[R], tree: Any) -> R:
    """Read what the strict decoder refused: nulls and numbers for quantities are fine, the rest is an error."""
    try:
        return msgspec.convert(go_json.normalise(record_type, tree), record_type)
    except UnmarshalError as error:
        raise _undecodable(record_type, tree, str(error)) from None


def _undecodable(record_type: type[Record], tree: Any, cause: str) -> Undecodable:
    given = tree if isinstance(tree, dict) else {}
    expected = _kind(record_type)
    kind = given.get("kind") or expected
    version = str(given.get("apiVersion") or getattr(record_type(), "api_version", "v1")).rpartition("/")[2]
    return Undecodable(kind, version, expected, cause)


def _kind(record_type: type[Record]) -> str:
    return cast(str, getattr(record_type(), "kind", record_type.__name__))


def _malformed(kind: str, data: bytes, error: Exception) -> BadRequest:
    cause = "exceeded max depth" if isinstance(error, RecursionError) else syntax_error(data)
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind;"
        f" json parse error: {cause} ({_summary(data)})"
    )


def _summary(data: bytes, maximum: int = 30) -> str:
    """The start of a body for an error message: text if it looks like JSON, else hexadecimal."""
    if not data:
        return "<empty>"
    start = data[:maximum]
    text = start.decode(errors="replace") if start[:1] == b"{" else start.hex()
    return f"{text} ..." if len(data) > maximum else text
