"""The OpenAPI version 2 document as protobuf, which is all that kubectl asks for when it falls back to that document.

The messages are those of the openapi.v2 package (gnostic, OpenAPIv2.proto); of each, the fields our documents use.
Free-form values travel as YAML text, which JSON is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

MEDIA_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
# How clients ask for it. It is no valid media type, so the answer must not bear it (upstream kube-openapi).
ASKED_FOR: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

Tree = Mapping[str, Any]
Encode = Callable[[Any], bytes]

_METHODS: Final = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
# Which of the four parameter messages a place means, and the field numbers that differ between them.
_PLACES: Final = {"header": 1, "formData": 2, "query": 3, "path": 4}
_WITH_ALLOW_EMPTY: Final = frozenset({"formData", "query"})


def encode(document: bytes) -> bytes:
    """The JSON document as a Document message."""
    tree = orjson.loads(document)
    return b"".join(
        (
            _text(1, tree["swagger"]),
            _message(2, _text(1, tree["info"]["title"]) + _text(2, tree["info"]["version"])),
            _message(8, _named(2, tree["paths"], _path)),
            _message(9, _named(1, tree["definitions"], _schema)),
            _each(12, tree.get("security", ()), _requirement),
            _message(13, _named(1, tree.get("securityDefinitions", {}), lambda item: _message(2, _api_key(item)))),
        )
    )


def _path(item: Tree) -> bytes:
    operations = [_message(number, _operation(item[name])) for name, number in _METHODS.items() if name in item]
    return b"".join(operations) + _each(9, item.get("parameters", ()), _parameter) + _extensions(10, item)


def _operation(item: Tree) -> bytes:
    return b"".join(
        (
            _texts(1, item.get("tags", ())),
            _text(3, item.get("description", "")),
            _text(5, item.get("operationId", "")),
            _texts(6, item.get("produces", ())),
            _texts(7, item.get("consumes", ())),
            _each(8, item.get("parameters", ()), _parameter),
            _message(9, _named(1, item["responses"], lambda answer: _message(1, _response(answer)))),
            _texts(10, item.get("schemes", ())),
            _extensions(13, item),
        )
    )


def _parameter(item: Tree) -> bytes:
    if item["in"] == "body":
        body = b"".join(
            (
                _text(1, item.get("description", "")),
                _text(2, item["name"]),
                _text(3, item["in"]),
                _flag(4, item.get("required", False)),
                _message(5, _schema(item["schema"])),
            )
        )
        return _message(1, _message(1, body))
    return _message(1, _message(2, _message(_PLACES[item["in"]], _simple_parameter(item))))


def _simple_parameter(item: Tree) -> bytes:
    shift = 1 if item["in"] in _WITH_ALLOW_EMPTY else 0
    encoded = (
        _flag(1, item.get("required", False)),
        _text(2, item["in"]),
        _text(3, item.get("description", "")),
        _text(4, item["name"]),
        _text(5 + shift, item.get("type", "")),
        _text(6 + shift, item.get("format", "")),
        _message(7 + shift, _text(1, item["items"]["type"])) if "items" in item else b"",
        _text(8 + shift, item.get("collectionFormat", "")),
        _flag(19 + shift, item.get("uniqueItems", False)),
    )
    return b"".join(encoded)


def _response(item: Tree) -> bytes:
    schema = _message(2, _message(1, _schema(item["schema"]))) if "schema" in item else b""
    return _text(1, item["description"]) + schema


def _schema(item: Tree) -> bytes:
    additional = item.get("additionalProperties")
    return b"".join(
        (
            _text(1, item.get("$ref", "")),
            _text(2, item.get("format", "")),
            _text(4, item.get("description", "")),
            _message(5, _any(item["default"])) if "default" in item else b"",
            _texts(19, item.get("required", ())),
            _each(20, item.get("enum", ()), _any),
            _message(21, _message(1, _schema(additional))) if isinstance(additional, dict) else b"",
            _message(22, _text(1, item["type"])) if "type" in item else b"",
            _message(23, _message(1, _schema(item["items"]))) if "items" in item else b"",
            _each(24, item.get("allOf", ()), _schema),
            _message(25, _named(1, item["properties"], _schema)) if "properties" in item else b"",
            _extensions(31, item),
        )
    )


def _requirement(item: Tree) -> bytes:
    return _named(1, item, lambda scopes: _texts(1, scopes))


def _api_key(item: Tree) -> bytes:
    names = ("type", "name", "in", "description")
    return b"".join(_text(number, item.get(name, "")) for number, name in enumerate(names, start=1))


def _extensions(number: int, item: Tree) -> bytes:
    return _named(number, {name: value for name, value in item.items() if name.startswith("x-")}, _any)


def _any(value: Any) -> bytes:
    return _text(2, orjson.dumps(value).decode())


def _named(number: int, items: Mapping[str, Any], encode: Encode) -> bytes:
    """Entries of a map, each a message of name and value."""
    return b"".join(_message(number, _text(1, name) + _message(2, encode(item))) for name, item in items.items())


def _each(number: int, items: Iterable[Any], encode: Encode) -> bytes:
    return b"".join(_message(number, encode(item)) for item in items)


def _texts(number: int, texts: Iterable[str]) -> bytes:
    return b"".join(_message(number, text.encode()) for text in texts)


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode()) if text else b""


def _flag(number: int, value: bool) -> bytes:
    return _varint(number << 3) + b"\x01" if value else b""


def _message(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
