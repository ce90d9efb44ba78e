"""Parsed protobuf messages as the trees their JSON would give."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import orjson

from api.protobuf.descriptors import EMBEDDED
from api.types.record import Record
from api.types.reflection import TypeInfo, fields

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def of_message(message: Any, record: type[Record]) -> dict[str, Any]:
    """The fields that are present, by JSON name."""
    infos = fields(record)
    tree: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        if descriptor.name == EMBEDDED:
            tree.update(of_message(value, record))
        else:
            converted = _value(value, infos[descriptor.name].type)
            if converted is not None:
                tree[descriptor.name] = converted
    return tree


def _value(value: Any, shape: TypeInfo) -> Any:
    if shape.shape == "list":
        assert shape.element is not None
        items = value.items if hasattr(value, "items") else value
        return [_value(item, shape.element) for item in items]
    if shape.shape == "map":
        assert shape.element is not None
        # Indexing, not .items(): upb hands out the map's messages only so.
        return {key: _value(value[key], shape.element) for key in value}
    if shape.record is not None:
        return of_message(value, shape.record)
    return _scalar(value, shape.format)


def _scalar(value: Any, format: str) -> Any:
    match format:
        case "quantity":
            return value.string
        case "date-time":
            return _time(value, "seconds")
        case "micro-time":
            return _time(value, "microseconds")
        case "int-or-string":
            return value.strVal if value.type else value.intVal
        case "byte":
            return base64.b64encode(value).decode()
        case "raw":
            return orjson.loads(value.raw) if value.raw else None
    return value


def _time(value: Any, precision: str) -> str | None:
    """RFC 3339; None for Go's zero time, which is sent as an empty message."""
    if not value.seconds and not value.nanos:
        return None
    moment = _EPOCH + datetime.timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
