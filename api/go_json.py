"""JSON as Go's decoder reads it: nulls, numbers for quantities, and its words for what is wrong.

`api.codec` comes here only when the fast decoder refused a body.
"""

from __future__ import annotations

import re
from typing import Any

from api import quantity
from api.types.record import Record
from api.types.reflection import TypeInfo, fields
from api.types.scalars import BASE64_PATTERN, TIME_PATTERN

_GO_NAMES = {"string": "string", "boolean": "bool", "int32": "int32", "int64": "int64", "number": "float64"}
_ZEROS: dict[str, Any] = {"string": "", "boolean": False, "int32": 0, "int64": 0, "number": 0.0, "quantity": "0"}
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_TIME = re.compile(TIME_PATTERN)
_BASE64 = re.compile(BASE64_PATTERN)


class UnmarshalError(ValueError):
    """A value does not fit its field; the text is Go's."""


def normalise(record_type: type[Record], tree: Any) -> Any:
    """A copy of `tree` that the strict decoder accepts and that means what Go would have read.

    Raises `UnmarshalError` on values that do not fit.
    """
    if not isinstance(tree, dict):
        raise UnmarshalError(f"json: cannot unmarshal {_word(tree)} into Go value of type {_go_type(record_type)}")
    return _record(record_type, tree, [])


def _record(record_type: type[Record], tree: dict[str, Any], path: list[str]) -> dict[str, Any]:
    known = fields(record_type)
    result = {}
    for key, value in tree.items():
        info = known.get(key)
        if info is None or value is None:
            continue
        result[key] = _value(info.type, value, record_type, [*path, key])
    return result


def _value(info: TypeInfo, value: Any, holder: type[Record], path: list[str]) -> Any:
    if info.shape == "record":
        assert info.record is not None
        if not isinstance(value, dict):
            raise _mismatch(value, holder, path, _go_type(info.record))
        return _record(info.record, value, path)
    if info.shape == "list":
        assert info.element is not None
        if not isinstance(value, list):
            raise _mismatch(value, holder, path, _go_name(info))
        return [_element(info.element, item, holder, path) for item in value]
    if info.shape == "map":
        assert info.element is not None
        if not isinstance(value, dict):
            raise _mismatch(value, holder, path, _go_name(info))
        return {key: _element(info.element, item, holder, path) for key, item in value.items()}
    return _scalar(info.format, value, holder, path)


def _element(info: TypeInfo, value: Any, holder: type[Record], path: list[str]) -> Any:
    """An element of a list or map, where null stands for the zero value."""
    if value is None:
        return _zero(info)
    return _value(info, value, holder, path)


def _zero(info: TypeInfo) -> Any:
    if info.shape == "scalar":
        return _ZEROS.get(info.format, "")
    return [] if info.shape == "list" else {}


def _scalar(format_name: str, value: Any, holder: type[Record], path: list[str]) -> Any:
    match format_name:
        case "raw":
            return value
        case "quantity":
            return _quantity(value)
        case "date-time" | "micro-time":
            return _time(value, format_name)
        case "byte":
            return _bytes(value, holder, path)
        case "int-or-string":
            return _int_or_string(value)
        case "string":
            fits = isinstance(value, str)
        case "boolean":
            fits = isinstance(value, bool)
        case "int32" | "int64":
            low, high = _RANGES[format_name]
            fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        case _:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise _mismatch(value, holder, path, _GO_NAMES[format_name])
    return value


def _quantity(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        raise UnmarshalError(f"quantities must match the regular expression '{quantity.SHAPE}'")
    try:
        quantity.parse(value)
    except quantity.QuantityError as error:
        raise UnmarshalError(str(error)) from None
    return value


def _time(value: Any, format_name: str) -> str:
    layout = "2006-01-02T15:04:05.000000Z07:00" if format_name == "micro-time" else "2006-01-02T15:04:05Z07:00"
    if not isinstance(value, str):
        raise UnmarshalError(f"json: cannot unmarshal {_word(value)} into Go value of type string")
    if not _TIME.match(value):
        raise UnmarshalError(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    return value


def _bytes(value: Any, holder: type[Record], path: list[str]) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, holder, path, "[]uint8")
    text = value.replace("\n", "").replace("\r", "")
    if not _BASE64.match(text):
        raise UnmarshalError(f"illegal base64 data at input byte {_bad_byte(text)}")
    return text


def _bad_byte(text: str) -> int:
    """Where Go's base64 decoder stops."""
    found = re.search(r"[^A-Za-z0-9+/]", text)
    return len(text) - len(text) % 4 if found is None else found.start()


def _int_or_string(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not _RANGES["int32"][0] <= value <= _RANGES["int32"][1]:
        raise UnmarshalError(f"json: cannot unmarshal {_word(value)} into Go value of type int32")
    return value


def _mismatch(value: Any, holder: type[Record], path: list[str], go_name: str) -> UnmarshalError:
    where = f"{holder.__name__}.{'.'.join(path)}"
    return UnmarshalError(f"json: cannot unmarshal {_word(value)} into Go struct field {where} of type {go_name}")


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if isinstance(value, float) or abs(value) > 2**31 else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _go_type(record_type: type[Record]) -> str:
    return f"v1.{record_type.__name__}"


def _go_name(info: TypeInfo) -> str:
    if info.shape == "record":
        assert info.record is not None
        return _go_type(info.record)
    if info.shape == "scalar":
        return _GO_NAMES.get(info.format, "string")
    assert info.element is not None
    return ("[]" if info.shape == "list" else "map[string]") + _go_name(info.element)
