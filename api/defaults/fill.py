"""Filling in records without touching what is set; unchanged records stay the same object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from api.types.record import Record

R = TypeVar("R", bound=Record)


def fill(record: R, **values: Any) -> R:
    """Set the fields that are unset: None for pointers, "" for plain strings."""
    missing = {name: value for name, value in values.items() if _unset(getattr(record, name), value)}
    return replace(record, **missing) if missing else record


def _unset(current: object, default: object) -> bool:
    return current is None or (current == "" and default != "")


def put(record: R, **values: Any) -> R:
    """Set fields, whatever they hold, keeping the record when nothing changes."""
    changed = {name: value for name, value in values.items() if getattr(record, name) is not value}
    return replace(record, **changed) if changed else record


def within(record: R, **completers: Callable[[Any], Any]) -> R:
    """Complete the records that fields hold: one, or each of a list. Unset fields are left alone."""
    changed = {}
    for name, complete in completers.items():
        value = getattr(record, name)
        if not value:
            continue
        new = each(value, complete) if isinstance(value, list) else complete(value)
        if new is not value:
            changed[name] = new
    return replace(record, **changed) if changed else record


def each(items: list[R], complete: Callable[[R], R]) -> list[R]:
    new = [complete(item) for item in items]
    return items if all(one is other for one, other in zip(new, items, strict=True)) else new
