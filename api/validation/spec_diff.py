"""What changed between two records, for people: one line per field that differs."""

from __future__ import annotations

from typing import Any

import msgspec

from api.field_errors import quote
from api.types import Record

_MOST_LINES = 20


def describe(old: Record, new: Record, path: str) -> str:
    """Lines `- path: before` and `+ path: after`; at most twenty differences are shown."""
    differences = _differences(msgspec.to_builtins(old), msgspec.to_builtins(new), path)
    lines = []
    for where, before, after in differences[:_MOST_LINES]:
        if before is not None:
            lines.append(f"- {where}: {_shown(before)}")
        if after is not None:
            lines.append(f"+ {where}: {_shown(after)}")
    if len(differences) > _MOST_LINES:
        lines.append(f"... and {len(differences) - _MOST_LINES} more")
    return "".join(f"{line}\n" for line in lines)


def _differences(old: Any, new: Any, path: str) -> list[tuple[str, Any, Any]]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(f"{path}.{key}", old.get(key), new.get(key)) for key in {**old, **new}]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(f"{path}[{index}]", one, other) for index, (one, other) in enumerate(zip(old, new, strict=True))]
    else:
        return [(path, old, new)]
    return [difference for pair in pairs for difference in _differences(pair[1], pair[2], pair[0])]


def _shown(value: Any) -> str:
    return quote(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
