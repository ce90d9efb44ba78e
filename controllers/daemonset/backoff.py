"""How soon a node's failed daemon is replaced. Pure.

Source: upstream's DaemonSet controller: 1 s after the first failure that follows another, doubling up to 15 minutes;
forgotten after twice that without one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

FIRST_SECONDS = 1.0
MAX_SECONDS = 15 * 60.0
MAX_REMEMBERED = 16_384

Key = tuple[str, str]


@dataclass(slots=True)
class FailureBackoff:
    """Per DaemonSet uid and node: when a failed pod was last replaced, and how long to wait from then."""

    _entries: OrderedDict[Key, tuple[float, float]] = field(default_factory=OrderedDict)

    def remaining(self, key: Key, now: float) -> float:
        """Seconds until the next replacement may be made; 0 when it may be made now."""
        since, delay = self._entries.get(key, (now, 0.0))
        return max(0.0, since + delay - now)

    def replaced(self, key: Key, now: float) -> None:
        """Note a replacement; the next has to wait longer."""
        since, delay = self._entries.pop(key, (now, 0.0))
        expired = now - since > 2 * MAX_SECONDS
        self._entries[key] = (now, FIRST_SECONDS if expired or not delay else min(2 * delay, MAX_SECONDS))
        if len(self._entries) > MAX_REMEMBERED:
            self._entries.popitem(last=False)
