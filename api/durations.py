"""Durations as Go's time.ParseDuration reads them: "1h30m", "1.5s"."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def seconds(text: str) -> float:
    """Raises `ValueError` in Go's words."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    parts = list(_PART.finditer(rest))
    if not rest or "".join(part.group() for part in parts) != rest:
        unitless = re.fullmatch(r"\d+\.?\d*", rest)
        problem = "missing unit in duration" if unitless else "invalid duration"
        raise ValueError(f'time: {problem} "{text}"')
    return sign * sum(float(part[1]) * _UNITS[part[2]] for part in parts)
