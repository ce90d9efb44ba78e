"""What every record of the API is made of: the struct base, field annotations, what is always written.

Encoding follows Go's JSON rules: a field at its zero value is left out unless upstream's type always
writes it. msgspec leaves a field out when it *is* its declared default; a default made by a factory other
than `list` or `dict` is never recognised as such, so `always()` gives fields that are always written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """Base of all records. Records form trees, never cycles, so the garbage collector need not track them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Facts about one field that its Python type cannot express (upstream API conventions)."""

    required: bool = False
    default: str | int | bool | None = None
    enum: tuple[str, ...] = ()
    list_type: Literal["", "atomic", "set", "map"] = ""
    list_map_keys: tuple[str, ...] = ()
    map_type: Literal["", "atomic", "granular"] = ""
    patch_strategy: Literal["", "merge", "replace", "retainKeys", "merge,retainKeys"] = ""
    patch_merge_key: str = ""


def always(value: str | int | bool | None, *, name: str | None = None) -> Any:
    """A field that starts as `value` and is written even then."""
    return msgspec.field(default_factory=lambda: value, name=name)


def always_list(*, name: str | None = None) -> Any:
    """A list that starts empty and is written even then."""
    return msgspec.field(default_factory=_new_list, name=name)


def always_dict(*, name: str | None = None) -> Any:
    """A mapping that starts empty and is written even then."""
    return msgspec.field(default_factory=_new_dict, name=name)


def _new_list() -> list[Any]:
    return []


def _new_dict() -> dict[str, Any]:
    return {}


def _stop_signals() -> tuple[str, ...]:
    named = (
        "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS "
        "TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN"
    )
    above = [f"RTMIN+{number}" for number in range(1, 16)]
    below = [f"RTMAX-{number}" for number in range(14, 0, -1)]
    return tuple(f"SIG{name}" for name in [*named.split(), *above, *below, "RTMAX"])


STOP_SIGNALS = _stop_signals()
