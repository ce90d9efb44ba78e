"""JSON as Go's decoder reads it: nulls, numbers for quantities, and its words for what is wrong.

`api.codec` comes here only when the fast decoder refused a body.
"""

from __future__ import annotations

from typing import Any

from api.scalar_forms import CANONICAL, UnmarshalError, go_word, int_or_string
from api.types.record import Record
from api.types.reflection import TypeInfo, fields

_GO_NAMES = {"string": "string", "boolean": "bool", "int32": "int32", "int64": "int64", "number": "float64"}
_ZEROS: dict[str, Any] = {"string": "", "boolean": False, "int32": 0, "int64": 0, "number": 0.0, "quantity": "0"}
_RANGES = {"int32": range(-(2**31), 2**31), "int64": range(-(2**63), 2**63)}


def normalise(record_type: type[Record], tree: Any) -> Any:
    """A copy of `tree` that the strict decoder accepts and that means what Go would have read.

    Raises `UnmarshalError` on values that do not fit.
    """
    if not isinstance(tree, dict):
        raise UnmarshalError(f"json: cannot unmarshal {go_word(tree)} into Go value of type {_go_type(record_type)}")
    return _record(record_type, tree, "")


def _record(record_type: type[Record], tree: dict[str, Any], path: str) -> dict[str, Any]:
    known = fields(record_type)
    result = {}
    for key, value in tree.items():
        info = known.get(key)
        if info is not None and value is not None:
            result[key] = _value(info.type, value, record_type, f"{path}.{key}")
    return result


def _value(info: TypeInfo, value: Any, holder: type[Record], path: str) -> Any:
    """`holder` and `path` only serve the message: the record a field is in, and the fields leading to it."""
    if info.shape == "scalar":
        return _scalar(info.format, value, holder, path)
    if info.shape == "list":
        assert info.element is not None
        if not isinstance(value, list):
            raise _mismatch(value, holder, path, _go_name(info))
        return [_element(info.element, item, holder, path) for item in value]
    if not isinstance(value, dict):
        raise _mismatch(value, holder, path, _go_name(info))
    if info.record is not None:
        return _record(info.record, value, path)
    assert info.element is not None
    return {key: _element(info.element, item, holder, path) for key, item in value.items()}


def _element(info: TypeInfo, value: Any, holder: type[Record], path: str) -> Any:
    """An element of a list or map, where null stands for the zero value."""
    if value is not None:
        return _value(info, value, holder, path)
    if info.shape == "scalar":
        return _ZEROS.get(info.format, "")
    return [] if info.shape == "list" else {}


def _scalar(format_name: str, value: Any, holder: type[Record], path: str) -> Any:
    match format_name:
        case "raw":
            return value
        case "int-or-string":
            return int_or_string(value)
        case "quantity" | "date-time" | "micro-time" | "byte":
            return CANONICAL[format_name](value)
        case "string":
            fits = isinstance(value, str)
        case "boolean":
            fits = isinstance(value, bool)
        case "int32" | "int64":
            fits = isinstance(value, int) and not isinstance(value, bool) and value in _RANGES[format_name]
        case _:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise _mismatch(value, holder, path, _GO_NAMES[format_name])
    return value


def _mismatch(value: Any, holder: type[Record], path: str, go_name: str) -> UnmarshalError:
    word = go_word(value)
    if word == "number" and go_name in ("int32", "int64"):
        word = f"number {value}"  # it is out of range or has a fraction
    where = f"{holder.__name__}{path}"
    return UnmarshalError(f"json: cannot unmarshal {word} into Go struct field {where} of type {go_name}")


def _go_type(record_type: type[Record]) -> str:
    return f"v1.{record_type.__name__}"


def _go_name(info: TypeInfo) -> str:
    if info.record is not None:
        return _go_type(info.record)
    if info.shape == "scalar":
        return _GO_NAMES.get(info.format, "string")
    assert info.element is not None
    return ("[]" if info.shape == "list" else "map[string]") + _go_name(info.element)
