"""Durations as people type them: 30s, 1h30m, 500ms, 45."""

from __future__ import annotations

import re

from podling.errors import CommandError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def seconds(text: str) -> float:
    """Raises CommandError for what is no duration; a bare number is seconds."""
    if text.isdecimal():
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise CommandError(f'"{text}" is not a duration: write 30s, 5m or 1h30m')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
