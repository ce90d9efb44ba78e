"""What controllers ask about pods (upstream: pod utilities)."""

from __future__ import annotations

from collections.abc import Iterable

from api import timestamps
from api.types import Pod, PodCondition

TERMINAL_PHASES = frozenset({"Succeeded", "Failed"})


def condition(pod: Pod, type_: str) -> PodCondition | None:
    """A condition of the pod's status."""
    return next((entry for entry in pod.status.conditions if entry.type == type_), None)


def is_terminal(pod: Pod) -> bool:
    """The pod has run to its end."""
    return pod.status.phase in TERMINAL_PHASES


def is_active(pod: Pod) -> bool:
    """The pod runs or will run, and is not being deleted."""
    return not is_terminal(pod) and pod.metadata.deletion_timestamp is None


def is_ready(pod: Pod) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready.status == "True"


def ready_since(pod: Pod) -> float | None:
    """Since when the pod is ready, in seconds since the epoch; None when it is not."""
    ready = condition(pod, "Ready")
    if ready is None or ready.status != "True" or not ready.last_transition_time:
        return None
    return timestamps.parse(ready.last_transition_time)


def is_available(pod: Pod, min_ready_seconds: int, now: float) -> bool:
    """The pod has been ready for long enough."""
    if min_ready_seconds == 0:
        return is_ready(pod)
    since = ready_since(pod)
    return since is not None and since + min_ready_seconds <= now


def next_available(pods: Iterable[Pod], min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the next of the ready pods becomes available; None when none is on the way."""
    if min_ready_seconds == 0:
        return None
    times = [since + min_ready_seconds for pod in pods if (since := ready_since(pod)) is not None]
    return min((time - now for time in times if time > now), default=None)
