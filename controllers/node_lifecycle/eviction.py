"""When must a pod leave a tainted node? Pure.

Source: Kubernetes' documentation, Taint-based Evictions; upstream's taint eviction controller.
"""

from __future__ import annotations

from collections.abc import Sequence

from api import timestamps
from api.types import Pod, Taint, Toleration

NO_EXECUTE = "NoExecute"


def eviction_time(pod: Pod, taints: Sequence[Taint], seen: float) -> float | None:
    """When the pod is to be deleted, in seconds since the epoch; None when it may stay.

    Each NoExecute taint must be tolerated; the shortest tolerationSeconds among the tolerations used counts, from the
    time its taint was added, or was `seen` if it does not tell. Untolerated, a taint evicts from when it was seen.
    """
    times = []
    for taint in taints:
        if taint.effect != NO_EXECUTE:
            continue
        toleration = next((each for each in pod.spec.tolerations if tolerates(each, taint)), None)
        if toleration is None:
            return seen
        if toleration.toleration_seconds is not None:
            since = timestamps.parse_or(taint.time_added, seen)
            times.append(since + max(0, toleration.toleration_seconds))
    return min(times, default=None)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty key with Exists tolerates every taint, an empty effect every effect."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator in ("", "Equal") and toleration.value == taint.value
