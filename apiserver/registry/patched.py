"""What a patch made of an object, as a record: problems are the patch's fault and named so. Pure.

Source of the behaviour: upstream's patch handler: whatever cannot be decoded, and in strict mode every unknown or
repeated field, makes the request invalid at the field `patch`, whose value is the patched object for JSON and merge
patches and the patch, in Go's words, for strategic ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from api import errors, strict
from api.errors import FieldError
from apiserver.registry import bodies
from apiserver.registry.bodies import Kind

_OPERATION: Final = frozenset({"op", "path", "from", "value"})


def record(
    expected: Kind, tree: Any, field_validation: str, *, problems: Sequence[str], document: Any | None
) -> tuple[Any, tuple[str, ...]]:
    """The patched tree's record, defaulted, and warnings. Raises `Invalid` and `BadRequest`.

    problems: those of the patch itself (`problems_of`). document: a strategic patch.
    """
    try:
        result, _ = bodies.from_tree(expected, tree, bodies.IGNORE)
    except errors.Undecodable as error:
        raise _invalid(tree, document, error.cause) from None
    if field_validation == bodies.IGNORE:
        return result, ()
    found = [*problems]
    if strict.field_problems(expected.record, tree):
        # Upstream looks at the patched object as it is written: by name.
        found += strict.field_problems(expected.record, _sorted(tree))
    if found and field_validation == bodies.STRICT:
        raise _invalid(tree, document, f"strict decoding error: {', '.join(found)}")
    return result, tuple(found)


def problems_of(body: bytes, document: Any) -> list[str]:
    """Keys given more than once in a merge patch."""
    return strict.repeated_keys(strict.with_repeated_keys(body)) if bodies.may_repeat(body, document) else []


def problems_of_operations(body: bytes, document: Any) -> list[str]:
    """What in the operations of a JSON patch has no meaning, or two."""
    operations = strict.with_repeated_keys(body) if bodies.may_repeat(body, document) else document
    found: list[str] = []
    for index, operation in enumerate(operations if isinstance(operations, list) else ()):
        seen: set[str] = set()
        for key in strict.keys(operation) if isinstance(operation, dict) else ():
            if key not in _OPERATION:
                found.append(f'json patch unknown field "[{index}].{key}"')
            elif key in seen:
                found.append(f'json patch duplicate field "[{index}].{key}"')
            seen.add(key)
    return list(dict.fromkeys(found))


def _invalid(tree: Any, document: Any | None, cause: str) -> errors.Invalid:
    shown = msgspec.json.encode(tree, order="deterministic").decode() if document is None else _in_go(document)
    return errors.Invalid("", "", [FieldError.invalid("patch", shown, cause)])


def _in_go(value: Any) -> str:
    """A decoded JSON value as Go's %+v prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"map[{' '.join(f'{key}:{_in_go(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(_in_go, value))}]"
    return str(value)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
