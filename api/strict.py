"""What strict field validation objects to: unknown fields and repeated keys, by path as upstream writes paths."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from api.errors import BadRequest
from api.types.record import Record
from api.types.reflection import TypeInfo, fields


class _Repeated(dict[str, Any]):
    """A JSON object some of whose keys came more than once."""

    pairs: tuple[tuple[str, Any], ...] = ()


def field_problems(record_type: type[Record], tree: Any) -> list[str]:
    """What upstream's strict decoder says of the tree, each thing once, in document order.

    'unknown field "spec.containers[0].imagee"', and in trees of `with_repeated_keys` 'duplicate field "spec.replicas"'.
    Below an unknown field nothing is looked at.
    """
    return list(dict.fromkeys(_of_record(record_type, tree, "")))


def with_repeated_keys(data: bytes) -> Any:
    """The tree of well-formed JSON that remembers which keys were given more than once in one object.

    Raises `BadRequest` for JSON nested more deeply than can be looked through.
    """

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        marked = _Repeated(result)
        marked.pairs = tuple(pairs)
        return marked

    try:
        return json.loads(data, object_pairs_hook=build)
    except RecursionError:
        raise BadRequest("json parse error: exceeded max depth") from None


def repeated_keys(tree: Any) -> list[str]:
    """'duplicate field "spec.replicas"' for each repeated key of a tree of `with_repeated_keys`, whatever its kind."""
    return list(dict.fromkeys(_repeated(tree, "")))


def keys(tree: dict[str, Any]) -> list[str]:
    """The keys of an object of a tree of `with_repeated_keys`, as often as they were given."""
    return [key for key, _ in _pairs(tree)]


def _repeated(tree: Any, path: str) -> Iterator[str]:
    if isinstance(tree, dict):
        seen: set[str] = set()
        for key, value in _pairs(tree):
            inner = f"{path}.{key}" if path else key
            if key in seen:
                yield f'duplicate field "{inner}"'
            seen.add(key)
            yield from _repeated(value, inner)
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _repeated(item, f"{path}[{index}]")


def _of_record(record_type: type[Record], tree: Any, prefix: str) -> Iterator[str]:
    if not isinstance(tree, dict):
        return
    known = fields(record_type)
    seen: set[str] = set()
    for key, value in _pairs(tree):
        info = known.get(key)
        if info is None:
            yield f'unknown field "{prefix}{key}"'
            continue
        if key in seen:
            yield f'duplicate field "{prefix}{key}"'
        seen.add(key)
        if info.element_record is not None or isinstance(value, _Repeated):
            yield from _within(info.type, value, f"{prefix}{key}")


def _within(info: TypeInfo, value: Any, path: str) -> Iterator[str]:
    if info.record is not None:
        yield from _of_record(info.record, value, f"{path}.")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if info.element is not None:
                yield from _within(info.element, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        seen: set[str] = set()
        for key, item in _pairs(value):
            if key in seen:
                yield f'duplicate field "{path}.{key}"'
            seen.add(key)
            if info.element is not None:
                yield from _within(info.element, item, f"{path}.{key}")


def _pairs(tree: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return tree.pairs if isinstance(tree, _Repeated) else tree.items()
