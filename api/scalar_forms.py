"""The scalars JSON shows as strings but the API parses: quantities, times, base64, int-or-string.

Each function returns the one form upstream writes back, or raises `UnmarshalError` with Go's message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from api import quantity

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_INT32 = range(-(2**31), 2**31)


class UnmarshalError(ValueError):
    """A value does not fit its field; the text is Go's."""


def go_word(value: Any) -> str:
    """What Go's decoder calls a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def canonical_quantity(value: Any) -> str:
    """Numbers are quantities too: `cpu: 1`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str):
        raise UnmarshalError(f"quantities must match the regular expression '{quantity.SHAPE}'")
    try:
        return quantity.canonical(value.strip())
    except quantity.QuantityError as error:
        raise UnmarshalError(str(error)) from None


def canonical_time(value: Any) -> str:
    """UTC in whole seconds: "2024-05-01T12:00:00Z"."""
    moment = _moment(value, "2006-01-02T15:04:05Z07:00")
    if len(value) == 20 and value[19] == "Z" and value[10] == "T":
        return str(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical_micro_time(value: Any) -> str:
    """UTC with six decimals: "2024-05-01T12:00:00.000000Z"."""
    return _moment(value, "2006-01-02T15:04:05.000000Z07:00").strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(value: Any, layout: str) -> datetime:
    if not isinstance(value, str):
        raise UnmarshalError(f"json: cannot unmarshal {go_word(value)} into Go value of type string")
    problem = UnmarshalError(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    if not _TIME.fullmatch(value):
        raise problem
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnmarshalError(f'parsing time "{value}": value out of range') from None


def canonical_base64(value: Any) -> str:
    """Base64 without line breaks."""
    if not isinstance(value, str):
        raise UnmarshalError(f"json: cannot unmarshal {go_word(value)} into Go value of type []uint8")
    text = value.replace("\n", "").replace("\r", "") if "\n" in value or "\r" in value else value
    if not _BASE64.fullmatch(text):
        found = _NOT_BASE64.search(text)
        position = len(text) - len(text) % 4 if found is None else found.start()
        raise UnmarshalError(f"illegal base64 data at input byte {position}")
    return text


def int_or_string(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT32:
        raise UnmarshalError(f"json: cannot unmarshal {go_word(value)} into Go value of type int32")
    return value


CANONICAL: dict[str, Callable[[Any], str]] = {
    "quantity": canonical_quantity,
    "date-time": canonical_time,
    "micro-time": canonical_micro_time,
    "byte": canonical_base64,
}
"""By the format names of `api.types.scalars`."""
