"""When a node is under pressure: thresholds, grace periods, conditions that outlast their cause. Pure.

Source: upstream's pkg/kubelet/eviction (helpers.go, eviction_manager.go) and its pages on node-pressure eviction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from api import quantity
from kubelet.node.machine import Usage

# Signal: (node condition, resource as messages name it). The order is the one in which pressure is relieved.
SIGNALS: Mapping[str, tuple[str, str]] = {
    "memory.available": ("MemoryPressure", "memory"),
    "nodefs.available": ("DiskPressure", "ephemeral-storage"),
    "nodefs.inodesFree": ("DiskPressure", "inodes"),
    "imagefs.available": ("DiskPressure", "ephemeral-storage"),
    "imagefs.inodesFree": ("DiskPressure", "inodes"),
    "pid.available": ("PIDPressure", "pids"),
}
TRANSITION_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """A signal is to stay at or above `value` (`100Mi` or `10%`).

    grace_seconds: how long a soft one may be crossed; None for a hard one. min_reclaim: how far beyond the value it has
    to come back before it counts as resolved.
    """

    signal: str
    value: str
    grace_seconds: float | None = None
    min_reclaim: str = "0"

    @property
    def hard(self) -> bool:
        return self.grace_seconds is None


@dataclass(frozen=True, slots=True)
class Policy:
    """All thresholds, and how conditions and soft evictions behave."""

    thresholds: tuple[Threshold, ...] = ()
    transition_seconds: float = TRANSITION_SECONDS
    max_pod_grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What is left of what there is: bytes, inodes or process ids."""

    available: int
    capacity: int


def observe(usage: Usage) -> dict[str, Observation]:
    """The signals by name; file systems that count no inodes give none for them."""
    found = {
        "memory.available": Observation(usage.memory_available_bytes, usage.memory_bytes),
        "nodefs.available": Observation(usage.nodefs.available_bytes, usage.nodefs.total_bytes),
        "nodefs.inodesFree": Observation(usage.nodefs.free_inodes, usage.nodefs.total_inodes),
        "imagefs.available": Observation(usage.imagefs.available_bytes, usage.imagefs.total_bytes),
        "imagefs.inodesFree": Observation(usage.imagefs.free_inodes, usage.imagefs.total_inodes),
        "pid.available": Observation(usage.pids_available, usage.pids),
    }
    return {signal: observation for signal, observation in found.items() if observation.capacity}


def number(value: str, capacity: int) -> int:
    """A threshold as a number: a quantity, or a share of the capacity."""
    if value.endswith("%"):
        return int(float(value[:-1]) / 100 * capacity)
    return quantity.whole(value)


@dataclass(frozen=True, slots=True)
class Crossed:
    """A threshold that is crossed and past its grace, and what was observed."""

    threshold: Threshold
    observation: Observation

    @property
    def resource(self) -> str:
        return SIGNALS[self.threshold.signal][1]

    @property
    def quantity(self) -> str:
        """The threshold as a number, as messages show it."""
        return shown(number(self.threshold.value, self.observation.capacity), self.threshold.signal)

    @property
    def available(self) -> str:
        return shown(self.observation.available, self.threshold.signal)


def shown(value: int, signal: str) -> str:
    counted = signal == "pid.available" or signal.endswith("inodesFree")
    if not counted:
        # In whole Ki, as upstream's figures come out of the kernel.
        value = value // 1024 * 1024
    return quantity.format(value, "DecimalSI" if counted else "BinarySI")


@dataclass(slots=True)
class Pressure:
    """What was seen until now: since when thresholds are crossed, when conditions were last true."""

    policy: Policy
    _crossed_since: dict[Threshold, float] = field(default_factory=dict)
    _seen_at: dict[str, float] = field(default_factory=dict)
    _unresolved: frozenset[Threshold] = frozenset()
    conditions: frozenset[str] = frozenset()
    """The node conditions that are true: MemoryPressure, DiskPressure, PIDPressure."""

    def observe(self, observations: Mapping[str, Observation], now: float) -> list[Crossed]:
        """Take one look, in seconds of any clock; what is to be relieved, the most urgent first."""
        crossed = [
            Crossed(threshold, observations[threshold.signal])
            for threshold in self.policy.thresholds
            if threshold.signal in observations
            and _is_crossed(threshold, observations[threshold.signal], reclaiming=threshold in self._unresolved)
        ]
        known = self._crossed_since
        self._crossed_since = {each.threshold: known.get(each.threshold, now) for each in crossed}
        self._seen_at |= {SIGNALS[each.threshold.signal][0]: now for each in crossed}
        lasting = self.policy.transition_seconds
        present = {SIGNALS[each.threshold.signal][0] for each in crossed}
        self.conditions = frozenset(
            name for name, seen_at in self._seen_at.items() if name in present or now - seen_at < lasting
        )
        ripe = [each for each in crossed if now - self._crossed_since[each.threshold] >= _grace(each.threshold)]
        self._unresolved = frozenset(each.threshold for each in ripe)
        order = list(SIGNALS)
        return sorted(ripe, key=lambda each: (order.index(each.threshold.signal), not each.threshold.hard))


def _grace(threshold: Threshold) -> float:
    return threshold.grace_seconds or 0.0


def _is_crossed(threshold: Threshold, observation: Observation, *, reclaiming: bool) -> bool:
    least = number(threshold.value, observation.capacity)
    if reclaiming:
        least += number(threshold.min_reclaim, observation.capacity)
    return observation.available < least


def policy(
    hard_values: Mapping[str, str],
    soft_values: Mapping[str, str],
    grace_seconds: Mapping[str, float],
    min_reclaim: Mapping[str, str],
) -> Iterable[Threshold]:
    """All thresholds. Raises ValueError for a soft one without a grace period (upstream: the same refusal)."""
    for signal, value in hard_values.items():
        yield Threshold(signal, value, None, min_reclaim.get(signal, "0"))
    for signal, value in soft_values.items():
        if signal not in grace_seconds:
            raise ValueError(f"grace period must be specified for the soft eviction threshold {signal}")
        yield Threshold(signal, value, grace_seconds[signal], min_reclaim.get(signal, "0"))
