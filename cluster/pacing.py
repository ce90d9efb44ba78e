"""How often messages go out on a stream: at once while there are few, gathered when there are many. Pure.

A gRPC message costs the same with one event as with fifty, some 0.1 ms of both sides' time. Thousands of pods a second
would be thousands of messages to each watcher; paced, they are a few hundred, and nobody waits longer than 1/RATE.
"""

from __future__ import annotations

RATE = 500.0
BURST = 32.0


class Pacer:
    """A bucket of tokens, one a message: `per_second` on average after `burst` at once."""

    def __init__(self, per_second: float = RATE, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._counted_at: float | None = None

    def sent(self, now: float) -> float:
        """A message went out at `now` (monotonic seconds): how long to wait before the next, 0.0 for not at all."""
        if self._counted_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        self._tokens -= 1
        return max(-self._tokens / self._per_second, 0.0)
