"""How much CPU is used now: two readings of a counter, and the time between them. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

NANOSECONDS: Final = 1_000_000_000
# A rate over less is noise, unless there is nothing better yet.
MIN_WINDOW_NS: Final = 5 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Sample:
    """A reading at time_ns since the epoch: CPU used so far, and the working set."""

    time_ns: int
    cpu_nanoseconds: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What was used over the window that ended at time_ns."""

    time_ns: int
    window_ns: int
    cpu_nanocores: int
    memory_bytes: int


class Samples:
    """The last two readings of each of many things."""

    def __init__(self) -> None:
        self._pairs: dict[Hashable, tuple[Sample | None, Sample]] = {}

    def add(self, readings: Mapping[Hashable, Sample]) -> None:
        """Take readings in. What is not among them is gone; one too soon after the last is passed over."""
        self._pairs = {key: self._with(key, sample) for key, sample in readings.items()}

    def rate(self, key: Hashable) -> Rate | None:
        """None for what has been read once only, or never."""
        first, last = self._pairs.get(key, (None, None))
        if first is None or last is None:
            return None
        window = last.time_ns - first.time_ns
        used = max(last.cpu_nanoseconds - first.cpu_nanoseconds, 0)
        return Rate(last.time_ns, window, used * NANOSECONDS // window, last.memory_bytes)

    def _with(self, key: Hashable, new: Sample) -> tuple[Sample | None, Sample]:
        known = self._pairs.get(key)
        if known is None:
            return None, new
        first, last = known
        window = new.time_ns - last.time_ns
        if window <= 0 or (first is not None and window < MIN_WINDOW_NS):
            return known
        return last, new
