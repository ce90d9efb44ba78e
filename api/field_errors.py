"""What is wrong with one field: upstream's `field.Error`, its wording and its place in a Status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
DUPLICATE = "FieldValueDuplicate"
NOT_FOUND = "FieldValueNotFound"
NOT_SUPPORTED = "FieldValueNotSupported"
FORBIDDEN = "FieldValueForbidden"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
INTERNAL = "InternalError"
# The value of an error that says nothing of it (upstream `field.OmitValueType`).
OMITTED: Final = object()

_TITLES = {
    REQUIRED: "Required value",
    INVALID: "Invalid value",
    DUPLICATE: "Duplicate value",
    NOT_FOUND: "Not found",
    NOT_SUPPORTED: "Unsupported value",
    FORBIDDEN: "Forbidden",
    TOO_LONG: "Too long",
    TOO_MANY: "Too many",
    INTERNAL: "Internal error",
}
_WITHOUT_VALUE = frozenset({REQUIRED, FORBIDDEN, TOO_LONG, INTERNAL})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field. `type` is a cause reason ("FieldValueInvalid"), `field` a path ("spec.ports[0].port")."""

    type: str
    field: str
    value: Any = None
    detail: str = ""

    @classmethod
    def required(cls, field: str, detail: str = "") -> FieldError:
        return cls(REQUIRED, field, None, detail)

    @classmethod
    def invalid(cls, field: str, value: Any, detail: str) -> FieldError:
        return cls(INVALID, field, value, detail)

    @classmethod
    def duplicate(cls, field: str, value: Any) -> FieldError:
        return cls(DUPLICATE, field, value)

    @classmethod
    def not_found(cls, field: str, value: Any) -> FieldError:
        return cls(NOT_FOUND, field, value)

    @classmethod
    def not_supported(cls, field: str, value: Any, supported: Sequence[str]) -> FieldError:
        quoted = ", ".join(quote(word) for word in supported)
        return cls(NOT_SUPPORTED, field, value, f"supported values: {quoted}" if supported else "")

    @classmethod
    def forbidden(cls, field: str, detail: str) -> FieldError:
        return cls(FORBIDDEN, field, None, detail)

    @classmethod
    def too_long(cls, field: str, maximum: int) -> FieldError:
        unit = "byte" if maximum == 1 else "bytes"
        return cls(TOO_LONG, field, None, f"may not be more than {maximum} {unit}")

    @classmethod
    def too_many(cls, field: str, actual: int, maximum: int) -> FieldError:
        unit = "item" if maximum == 1 else "items"
        return cls(TOO_MANY, field, actual, f"must have at most {maximum} {unit}")

    @classmethod
    def internal(cls, field: str, detail: str) -> FieldError:
        return cls(INTERNAL, field, None, detail)

    @property
    def body(self) -> str:
        """The message without the field's path: `Invalid value: "x": must be ...`."""
        text = _TITLES[self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not OMITTED:
            text = f"{text}: {_shown(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"

    def to_cause(self) -> dict[str, str]:
        """This error as a StatusCause tree."""
        return {"reason": self.type, "message": self.body, "field": self.field}


def quote(text: str) -> str:
    """Text in double quotes with escapes, as Go's %q writes it for printable text."""
    return msgspec.json.encode(text).decode()


def aggregate(errors: Iterable[FieldError]) -> str:
    """Several errors as one message, each text once (upstream `ErrorList.ToAggregate`)."""
    texts = list(dict.fromkeys(str(error) for error in errors))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    return msgspec.json.encode(value).decode()
