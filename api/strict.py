"""What strict field validation objects to: unknown fields and repeated keys, by path as upstream writes paths."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from api.errors import BadRequest
from api.types.record import Record
from api.types.reflection import TypeInfo, fields


def unknown_fields(record_type: type[Record], tree: Any) -> list[str]:
    """Paths ("spec.containers[0].imagee") of the keys no field has, in document order."""
    return list(_unknown(record_type, tree, ""))


def _unknown(record_type: type[Record], tree: Any, prefix: str) -> Iterator[str]:
    if not isinstance(tree, dict):
        return
    known = fields(record_type)
    for key, value in tree.items():
        info = known.get(key)
        if info is None:
            yield f"{prefix}{key}"
        elif info.element_record is not None:
            yield from _unknown_within(info.type, value, f"{prefix}{key}")


def _unknown_within(info: TypeInfo, value: Any, path: str) -> Iterator[str]:
    if info.record is not None:
        yield from _unknown(info.record, value, f"{path}.")
    elif info.element is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_within(info.element, item, f"{path}[{index}]")
    elif info.element is not None and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_within(info.element, item, f"{path}.{key}")


class _Repeated(dict[str, Any]):
    """A JSON object some of whose keys came more than once."""

    repeated: tuple[str, ...] = ()


def duplicate_fields(data: bytes) -> list[str]:
    """Paths ("spec.replicas") of the keys given more than once in one object of well-formed JSON.

    Raises `BadRequest` for JSON nested more deeply than can be looked through.
    """
    found = False

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        found = True
        marked = _Repeated(result)
        counts = Counter(key for key, _ in pairs)
        marked.repeated = tuple(key for key in result if counts[key] > 1)
        return marked

    try:
        tree = json.loads(data, object_pairs_hook=build)
        return list(_repeated(tree, "")) if found else []
    except RecursionError:
        raise BadRequest("json parse error: exceeded max depth") from None


def _repeated(tree: Any, prefix: str) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree, _Repeated):
            yield from (f"{prefix}{key}" for key in tree.repeated)
        for key, value in tree.items():
            if isinstance(value, list):
                for index, item in enumerate(value):
                    yield from _repeated(item, f"{prefix}{key}[{index}].")
            else:
                yield from _repeated(value, f"{prefix}{key}.")
