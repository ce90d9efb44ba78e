"""How long nodes have been silent for us: no time passes while we cannot hear them. Pure."""

from __future__ import annotations


class Stopwatch:
    """Runs while the API server tells of leases. All times are seconds of one monotonic clock.

    Upstream's clock runs on: an API server that was away for the grace period takes every node with it.
    """

    def __init__(self) -> None:
        self._deaf_since: float | None = None
        self._deaf_for = 0.0

    def read(self, now: float) -> float:
        """The seconds on the watch."""
        return (now if self._deaf_since is None else self._deaf_since) - self._deaf_for

    def hear(self, hearing: bool, now: float) -> None:
        """The API server was lost, or is heard again."""
        if not hearing:
            self._deaf_since = now if self._deaf_since is None else self._deaf_since
        elif self._deaf_since is not None:
            self._deaf_for += now - self._deaf_since
            self._deaf_since = None
