"""Records with every parsed scalar in its canonical form, as upstream answers them.

"1000m" of cpu is stored as "1", a time with an offset in UTC. Decoding leaves strings as they are, so that reading
stored objects costs nothing; what comes from outside passes here (through `api.defaults`) once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from api.scalar_forms import CANONICAL
from api.types.record import Record
from api.types.reflection import TypeInfo, fields

R = TypeVar("R", bound=Record)
_Visit = Callable[[Any], Any]


def canonical(record: R) -> R:
    """The same record when nothing had to change. Raises `UnmarshalError` on values that cannot be parsed."""
    changed = {}
    for name, visit in _visits(type(record)):
        value = getattr(record, name)
        if not value:
            if value == "":
                visit(value)
            continue
        new = visit(value)
        if new is not value:
            changed[name] = new
    return msgspec.structs.replace(record, **changed) if changed else record


@functools.cache
def _visits(record_type: type[Record]) -> tuple[tuple[str, _Visit], ...]:
    """The fields below which a parsed scalar may stand, with what to do to them."""
    found = []
    for info in fields(record_type).values():
        visit = _visit(info.type)
        if visit is not None:
            found.append((info.python_name, visit))
    return tuple(found)


def _visit(info: TypeInfo) -> _Visit | None:
    if info.shape == "scalar":
        parse = CANONICAL.get(info.format)
        return None if parse is None else functools.partial(_scalar, parse)
    if info.record is not None:
        return canonical if _visits(info.record) else None
    assert info.element is not None
    inner = _visit(info.element)
    if inner is None:
        return None
    return functools.partial(_list if info.shape == "list" else _map, inner)


def _scalar(parse: Callable[[Any], str], value: str) -> str:
    new = parse(value)
    return value if new == value else new


def _list(visit: _Visit, values: list[Any]) -> list[Any]:
    new = [visit(value) for value in values]
    return values if all(one is other for one, other in zip(new, values, strict=True)) else new


def _map(visit: _Visit, values: dict[str, Any]) -> dict[str, Any]:
    new = {key: visit(value) for key, value in values.items()}
    return values if all(new[key] is value for key, value in values.items()) else new
