"""From single answers of a probe to its standing result: thresholds (upstream: pkg/kubelet/prober/worker.go). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from api.types import Probe

DEFAULT_PERIOD_SECONDS = 10
DEFAULT_FAILURE_THRESHOLD = 3


class Kind(StrEnum):
    """Values of the `probe_type` label; capitalized in events."""

    STARTUP = "Startup"
    LIVENESS = "Liveness"
    READINESS = "Readiness"


class Answer(Enum):
    """One run of a probe. WARNING counts as success, ERROR (it could not be asked) as nothing."""

    SUCCESS = "successful"
    WARNING = "warning"
    FAILURE = "failed"
    ERROR = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and what there is to say about it."""

    answer: Answer
    output: str = ""


class Tracker:
    """The standing result of one probe of one run of a container.

    A container starts not ready, alive and not started; as many equal answers in a row as the threshold asks for
    change that.
    """

    def __init__(self, kind: Kind, probe: Probe) -> None:
        self.healthy = kind is Kind.LIVENESS
        self._needed = {
            True: max(probe.success_threshold, 1),
            False: probe.failure_threshold or DEFAULT_FAILURE_THRESHOLD,
        }
        self._last: bool | None = None
        self._in_a_row = 0

    def observe(self, answer: Answer) -> bool:
        """Take one answer; whether the standing result is now settled by it (it may be the same as before)."""
        if answer is Answer.ERROR:
            return False
        good = answer is not Answer.FAILURE
        self._in_a_row = self._in_a_row + 1 if good is self._last else 1
        self._last = good
        if self._in_a_row < self._needed[good]:
            return False
        self.healthy = good
        return True


def period_seconds(probe: Probe) -> float:
    return float(probe.period_seconds or DEFAULT_PERIOD_SECONDS)


def timeout_seconds(probe: Probe) -> float:
    return float(probe.timeout_seconds or 1)
