"""What an autoscaler has recommended and done of late; forgotten with the process, as upstream's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from api.types import HorizontalPodAutoscalerBehavior, HPAScalingRules

Entry = tuple[int, float]


@dataclass(slots=True)
class History:
    """recommendations: (replicas, time); ups, downs: (how many replicas more or fewer, time)."""

    recommendations: list[Entry] = field(default_factory=list)
    ups: list[Entry] = field(default_factory=list)
    downs: list[Entry] = field(default_factory=list)

    def begin(self, replicas: int, now: float) -> None:
        """Before anything was recommended, what there is counts as recommended."""
        if not self.recommendations:
            self.recommendations.append((replicas, now))

    def recommend(self, replicas: int, now: float, keep_seconds: float) -> None:
        """Remember a recommendation, and forget those of longer ago."""
        self.recommendations = [*_since(self.recommendations, now - keep_seconds), (replicas, now)]

    def scaled(self, old: int, new: int, now: float, behavior: HorizontalPodAutoscalerBehavior | None) -> None:
        """Remember a change for as long as a policy may ask for it."""
        if behavior is None:
            return
        if new > old:
            self.ups = [*_since(self.ups, now - _longest(behavior.scale_up)), (new - old, now)]
        else:
            self.downs = [*_since(self.downs, now - _longest(behavior.scale_down)), (old - new, now)]


def changed_within(entries: Iterable[Entry], seconds: float, now: float) -> int:
    """The sum of the changes of the last seconds."""
    return sum(count for count, time in entries if time > now - seconds)


def _since(entries: Iterable[Entry], cutoff: float) -> list[Entry]:
    return [entry for entry in entries if entry[1] > cutoff]


def _longest(rules: HPAScalingRules | None) -> float:
    return max((policy.period_seconds for policy in rules.policies), default=0) if rules is not None else 0.0
