"""Protobuf messages as JSON trees, by the records' fields and the messages' field numbers.

A plan is made once for each record: what to do with each field number.
"""

import base64
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api import timestamps
from api.protobuf import core_numbers, group_numbers, wire
from api.protobuf.wire import BYTES, MalformedMessage
from api.types.record import Record
from api.types.reflection import FieldInfo, TypeInfo, fields, package

Tree = dict[str, Any]
Value = int | memoryview
Reader = Callable[[Value], Any]

_NUMBERS = core_numbers.NUMBERS | group_numbers.NUMBERS
_NOT_SET = object()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the field numbers of a message mean: fields by number, and messages whose fields belong to the record."""

    fields: dict[int, FieldInfo] = field(default_factory=dict)
    inlined: dict[int, "_Plan"] = field(default_factory=dict)


def decode(record_type: type[Record], message: memoryview) -> Tree:
    """The message of a record as tree. Raises `BadRequest` on bytes that are no such message."""
    tree: Tree = {}
    _decode_into(tree, _plan(record_type), message)
    return tree


@functools.cache
def _plan(record_type: type[Record]) -> _Plan:
    plan = _Plan()
    numbers = _NUMBERS[package(record_type)][record_type.__name__]
    infos = fields(record_type)
    for word in numbers.split():
        name, _, path = word.partition("=")
        *outer, number = map(int, path.split("."))
        place = plan
        for step in outer:
            place = place.inlined.setdefault(step, _Plan())
        place.fields[number] = infos[name]
    return plan


def _decode_into(tree: Tree, plan: _Plan, message: memoryview) -> None:
    for number, wire_type, value in wire.read(message):
        if number in plan.inlined:
            _decode_into(tree, plan.inlined[number], _bytes(value))
        elif number in plan.fields:
            _set(tree, plan.fields[number], wire_type, value)


def _set(tree: Tree, info: FieldInfo, wire_type: int, value: Value) -> None:
    name, kind = info.json_name, info.type
    if kind.shape == "list":
        _extend(tree.setdefault(name, []), kind, wire_type, value)
    elif kind.shape == "map":
        key, item = _entry(kind, _bytes(value))
        tree.setdefault(name, {})[key] = item
    else:
        item = _single(kind, value)
        # Go writes the zero values of all that is not a pointer: they say as little as their absence.
        if item is not _NOT_SET and (item or info.pointer or kind.shape == "record"):
            tree[name] = item


def _extend(items: list[Any], info: TypeInfo, wire_type: int, value: Value) -> None:
    element = _element(info)
    if wire_type == BYTES and element.format in ("int32", "int64", "boolean"):
        items.extend(_SCALARS[element.format](number) for number in wire.varints(_bytes(value)))
        return
    item = _single(element, value)
    items.append(None if item is _NOT_SET else item)


def _entry(info: TypeInfo, message: memoryview) -> tuple[str, Any]:
    """Key and value of one entry of a map; what is left out is empty."""
    element = _element(info)
    parts: dict[int, Value] = {number: value for number, _, value in wire.read(message)}
    key = _text(parts.get(1, memoryview(b"")))
    if element.shape == "list":
        # A list cannot be a map's value in protobuf: it is wrapped in a message with the items as field 1.
        wrapped = wire.read(_bytes(parts.get(2, memoryview(b""))))
        return key, [_single(_element(element), value) for number, _, value in wrapped if number == 1]
    return key, _single(element, parts.get(2, memoryview(b"")))


def _element(info: TypeInfo) -> TypeInfo:
    assert info.element is not None  # lists and maps have one
    return info.element


def _single(info: TypeInfo, value: Value) -> Any:
    if info.record is not None:
        return decode(info.record, _bytes(value))
    return _SCALARS[info.format](value)


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise MalformedMessage
    return value


def _integer(value: Value) -> int:
    if not isinstance(value, int):
        raise MalformedMessage
    return wire.signed(value)


def _text(value: Value) -> str:
    try:
        return str(_bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise MalformedMessage from None


def _base64(value: Value) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _parts(value: Value) -> dict[int, Value]:
    return {number: part for number, _, part in wire.read(_bytes(value))}


def _quantity(value: Value) -> str:
    return _text(_parts(value).get(1, memoryview(b"0")))


def _seconds(value: Value) -> tuple[int, int] | None:
    """Seconds and nanoseconds of a Timestamp; None for the empty one, which is how Go writes a time that is not set."""
    parts = _parts(value)
    if not parts:
        return None
    return _integer(parts.get(1, 0)), _integer(parts.get(2, 0))


def _time(value: Value) -> Any:
    return _moment(value, timestamps.now_text)


def _micro_time(value: Value) -> Any:
    return _moment(value, timestamps.micro_text)


def _moment(value: Value, show: Callable[[float], str]) -> Any:
    found = _seconds(value)
    if found is None:
        return _NOT_SET
    seconds, nanoseconds = found
    try:
        # Rounded to microseconds first: a float cannot hold seconds and nanoseconds together.
        return show(seconds + nanoseconds // 1000 / 1_000_000)
    except (OverflowError, ValueError, OSError):
        raise MalformedMessage from None


def _int_or_string(value: Value) -> int | str:
    parts = _parts(value)
    if _integer(parts.get(1, 0)) == 1:
        return _text(parts.get(3, memoryview(b"")))
    return _integer(parts.get(2, 0))


def _raw(value: Value) -> Any:
    """Free-form JSON, which travels as bytes."""
    raw = _bytes(_parts(value).get(1, memoryview(b"null")))
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedMessage from None


_SCALARS: Mapping[str, Reader] = {
    "string": _text,
    "boolean": lambda value: _integer(value) != 0,
    "int32": _integer,
    "int64": _integer,
    "byte": _base64,
    "quantity": _quantity,
    "date-time": _time,
    "micro-time": _micro_time,
    "int-or-string": _int_or_string,
    "raw": _raw,
}
