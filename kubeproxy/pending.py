"""What has changed and is not in the kernel yet. Pure bookkeeping, time comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

ServiceKey = tuple[str, str]


@dataclass(slots=True)
class Change:
    """The changes of one service.

    since: when the first of them was noticed (monotonic). triggers: when the endpoints' changes began (wall time).
    """

    since: float
    service: bool = False
    endpoints: bool = False
    triggers: list[float] = field(default_factory=list)


class Pending:
    """Changed services in the order in which they changed first."""

    def __init__(self) -> None:
        self._changes: dict[ServiceKey, Change] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def service_changed(self, key: ServiceKey, now: float) -> None:
        self._change(key, now).service = True

    def endpoints_changed(self, key: ServiceKey, now: float, trigger: float | None) -> None:
        change = self._change(key, now)
        change.endpoints = True
        if trigger is not None:
            change.triggers.append(trigger)

    def take(self, most: int) -> dict[ServiceKey, Change]:
        """Remove and return the oldest `most` changes."""
        taken = dict(islice(self._changes.items(), most))
        for key in taken:
            del self._changes[key]
        return taken

    def put_back(self, changes: dict[ServiceKey, Change]) -> None:
        """Changes that could not be carried out come first again."""
        for key, later in self._changes.items():
            earlier = changes.setdefault(key, later)
            if earlier is not later:
                earlier.service |= later.service
                earlier.endpoints |= later.endpoints
                earlier.triggers.extend(later.triggers)
        self._changes = changes

    @property
    def oldest_since(self) -> float | None:
        """When the longest waiting change was noticed."""
        return next((change.since for change in self._changes.values()), None)

    def counts(self) -> tuple[int, int]:
        """How many services changed themselves, and how many their endpoints."""
        changes = self._changes.values()
        return sum(c.service for c in changes), sum(c.endpoints for c in changes)

    def _change(self, key: ServiceKey, now: float) -> Change:
        return self._changes.setdefault(key, Change(now))
