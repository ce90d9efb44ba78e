"""Back-off between restarts and between image pulls (upstream: client-go flowcontrol.Backoff).

Holds no clock: every call is told the time, in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

BASE_SECONDS = 10.0
MAX_SECONDS = 300.0


@dataclass(slots=True)
class _Entry:
    delay: float
    updated_at: float


class BackOff:
    """Delays per key: `base` at the first failure, doubled at each further one up to `maximum`.

    A key that failed last more than twice the maximum after its delay was set starts over.
    """

    def __init__(self, base: float = BASE_SECONDS, maximum: float = MAX_SECONDS) -> None:
        self._base = base
        self._maximum = maximum
        self._entries: dict[Hashable, _Entry] = {}

    def delay(self, key: Hashable) -> float:
        """The current delay in seconds, 0 when the key never failed."""
        entry = self._entries.get(key)
        return entry.delay if entry is not None else 0.0

    def until(self, key: Hashable, failed_at: float) -> float:
        """When the key, having failed at `failed_at`, may be tried again; `failed_at` itself means at once."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, failed_at):
            return failed_at
        return failed_at + entry.delay

    def next(self, key: Hashable, failed_at: float, now: float) -> None:
        """The key is being tried again after it failed at `failed_at`: raise its delay for the next time."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, failed_at):
            self._entries[key] = _Entry(self._base, now)
        else:
            entry.delay = min(entry.delay * 2, self._maximum)
            entry.updated_at = now

    def reset(self, key: Hashable) -> None:
        """The key succeeded."""
        self._entries.pop(key, None)

    def _expired(self, entry: _Entry, failed_at: float) -> bool:
        return failed_at - entry.updated_at > 2 * self._maximum


def duration_text(seconds: float) -> str:
    """A whole number of seconds as Go prints durations: `10s`, `2m40s`, `5m0s`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
