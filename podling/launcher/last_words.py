"""What a process that ended said last, in one line: found in the end of its log. Pure, but for reading the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TAIL_BYTES = 64 * 1024
MAX_CHARACTERS = 300
# Levels of a structured line that can be the reason for an end.
_GRAVE = ("panic", "fatal", "error")


def of(path: Path, since: int = 0) -> str:
    """The line that says why, among those written after byte `since`; "" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return choose(text.splitlines())[:MAX_CHARACTERS]


def choose(lines: list[str]) -> str:
    """The last line, unless etcd's grave words or a Go panic's first line came before it."""
    said = [line.strip() for line in lines if line.strip()]
    for line in reversed(said):
        entry = _entry(line)
        if entry.get("level") in _GRAVE:
            error = entry.get("error")
            return f"{entry.get('msg', '')}: {error}" if error else str(entry.get("msg", line))
    panics = [line for line in said if line.startswith("panic: ")]
    if panics:
        return panics[-1]
    return said[-1] if said else ""


def _entry(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
