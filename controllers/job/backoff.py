"""How long to wait before failed pods are replaced: 10 s, doubling with each failure, ten minutes at most.

For the Job as a whole the failures since the last success count; with `backoffLimitPerIndex` those of each index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.types import Pod
from controllers.job.pods import failures, finished_at, ignored_failures

BASE_SECONDS = 10.0
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """`failures` since the last success, the last of them at `last_failure` (seconds since the epoch)."""

    failures: int = 0
    last_failure: float = 0.0

    def after(self, succeeded: Sequence[Pod], failed: Sequence[Pod], now: float) -> Backoff:
        """With pods that have ended since."""
        success = max(_ends(succeeded, now), default=None)
        ends = sorted(_ends(failed, now))
        count, last = self.failures, self.last_failure
        if success is not None:
            ends = [end for end in ends if end > success]
            if last <= success:
                count, last = 0, 0.0
        return Backoff(count + len(ends), max((last, *ends)))

    def remaining(self, now: float) -> float:
        """Seconds until new pods may be made."""
        return remaining(self.failures, self.last_failure, now)


def remaining(count: int, last_failure: float, now: float) -> float:
    """Seconds to wait after `count` failures in a row."""
    if count <= 0:
        return 0.0
    delay = min(BASE_SECONDS * 2.0 ** min(count - 1, 32), MAX_SECONDS)
    return max(last_failure + delay - now, 0.0)


def remaining_for(pod: Pod, now: float) -> float:
    """Seconds until the failed pod of an index may be replaced."""
    ended = finished_at(pod)
    return remaining(failures(pod) + ignored_failures(pod) + 1, now if ended is None else ended, now)


def _ends(pods: Iterable[Pod], now: float) -> list[float]:
    return [now if (end := finished_at(pod)) is None else end for pod in pods]
