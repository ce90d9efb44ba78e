"""The pods that would have to go from one node: as few and as unimportant as can be.

All less important pods are thought away; then, the most important first and those that a disruption budget protects
before all others, each stays that can. Who is on the way out already costs nobody anything: such pods are thought
away and are no victims.
Source: upstream's SelectVictimsOnNode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from api import timestamps
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot

NO_VICTIMS = "No preemption victims found for incoming pod"

# A pod whose start nobody has told has started last.
_NEVER_STARTED = "~"
# Makes every priority positive, so that of two sets of equal pods the smaller has the smaller sum (upstream).
_PRIORITY_OFFSET = 2**31


@dataclass(frozen=True, slots=True)
class Victims:
    """Who has to go. violations: how many of them disruption budgets protect."""

    pods: tuple[PodInfo, ...]
    violations: int

    @property
    def highest_priority(self) -> int:
        return max((pod.priority for pod in self.pods), default=-_PRIORITY_OFFSET)

    @property
    def priority_sum(self) -> int:
        return sum(pod.priority + _PRIORITY_OFFSET for pod in self.pods)

    @property
    def earliest_start(self) -> float:
        """When the first of the most important victims started, seconds since the epoch; infinity when unknown."""
        highest = self.highest_priority
        starts = [_started(pod) for pod in self.pods if pod.priority == highest]
        first = min(starts, default=_NEVER_STARTED)
        return float("inf") if first == _NEVER_STARTED else timestamps.parse(first)


def less_important(pod: PodInfo, snapshot: Snapshot, slot: int) -> tuple[list[PodInfo], list[PodInfo]]:
    """The pods on a slot that may have to go, most important first, and those that are going already."""
    staying: list[PodInfo] = []
    going: list[PodInfo] = []
    for placement in snapshot.on_slot(slot):
        if not placement.nominated and placement.pod.priority < pod.priority:
            is_going = placement.pod.terminating or placement.pod.uid in snapshot.doomed
            (going if is_going else staying).append(placement.pod)
    staying.sort(key=lambda other: (-other.priority, _started(other)))
    return staying, going


def reprieve(staying: Sequence[PodInfo], violating: set[str], can_stay: Callable[[PodInfo], bool]) -> Victims:
    """Let stay who can: `can_stay` is asked once for each pod and counts it from then on if it says yes."""
    protected = [pod for pod in staying if pod.uid in violating]
    others = [pod for pod in staying if pod.uid not in violating]
    gone = [pod for pod in protected if not can_stay(pod)]
    violations = len(gone)
    gone += [pod for pod in others if not can_stay(pod)]
    return Victims(tuple(gone), violations)


def for_resources(pod: PodInfo, snapshot: Snapshot, slot: int, free: Mapping[str, int]) -> Victims | str:
    """Who has to go when resources are all that is missing; or why nobody's going would do.

    free: what is left of each resource that the pod needs once all less important pods are gone, and the pod is there.
    """
    staying, going = less_important(pod, snapshot, slot)
    if not staying and not going:
        return NO_VICTIMS
    short = [resource for resource, left in free.items() if left < 0]
    if short:
        return f"Insufficient {short[0]}" if short[0] != "pods" else "Too many pods"
    left = dict(free)

    def can_stay(other: PodInfo) -> bool:
        needs = [(resource, other.requests.get(resource, 0) if resource != "pods" else 1) for resource in left]
        if any(amount > left[resource] for resource, amount in needs):
            return False
        for resource, amount in needs:
            left[resource] -= amount
        return True

    return reprieve(staying, snapshot.budgets.violating(staying), can_stay)


def by_trial(
    pod: PodInfo, snapshot: Snapshot, slot: int, refusal: Callable[[PodInfo, Snapshot, int], str | None]
) -> Victims | str:
    """Who has to go by every filter's word; or why nobody's going would do. refusal: why the slot refuses the pod."""
    staying, going = less_important(pod, snapshot, slot)
    if not staying and not going:
        return NO_VICTIMS
    violating = snapshot.budgets.violating(staying)
    node = snapshot.nodes.name(slot)
    with snapshot.without(_uids((*staying, *going))):
        reason = refusal(pod, snapshot, slot)
        if reason is not None:
            return reason

        def can_stay(other: PodInfo) -> bool:
            snapshot.place(other, node)
            if refusal(pod, snapshot, slot) is None:
                return True
            snapshot.displace(other.uid)
            return False

        return reprieve(staying, violating, can_stay)


def _uids(pods: Iterable[PodInfo]) -> list[str]:
    return [pod.uid for pod in pods]


def _started(pod: PodInfo) -> str:
    """RFC 3339 in UTC: such texts sort by time."""
    return pod.pod.status.start_time or _NEVER_STARTED
