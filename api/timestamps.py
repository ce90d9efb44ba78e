"""Times as the API writes them, and durations as kubectl shows them.

Times are seconds since the epoch in code and RFC 3339 strings, in UTC, in objects.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime


def now_text(now: float) -> str:
    """Whole seconds: "2024-05-01T12:00:00Z". Fractions are cut off."""
    return datetime.fromtimestamp(math.floor(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_text(now: float) -> str:
    """Six decimals, as Leases and Events carry them: "2024-05-01T12:00:00.000000Z"."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f'the time "{text}" names no time zone')
    return moment.timestamp()


def parse_or(text: str | None, default: float) -> float:
    """As `parse`, with a default for a time that is not set."""
    return parse(text) if text else default


def human_duration(seconds: float) -> str:
    """A duration in at most two units, as kubectl's AGE column: "3m20s", "5d21h", "2y94d"."""
    if seconds <= -2:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    total = int(seconds)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def age(timestamp: str | None, now: float) -> str:
    """How long ago a time was, "<unknown>" when it is not set (kubectl's printers)."""
    return human_duration(now - parse(timestamp)) if timestamp else "<unknown>"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
