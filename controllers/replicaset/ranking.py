"""Which pods go first when there are too many.

Source: upstream's ActivePodsWithRanks: unassigned before assigned, pending before running, not ready before ready,
cheap before dear (annotation), crowded nodes before others, then the younger and the more often restarted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from api import timestamps
from api.types import Pod
from controllers.pods import is_active, is_ready, ready_since

DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def to_delete(pods: Sequence[Pod], related: Sequence[Pod], count: int, now: float) -> list[Pod]:
    """The `count` of `pods` to delete. related: the pods of all replica sets of the same owner."""
    if count >= len(pods):
        return list(pods)
    crowd = Counter(pod.spec.node_name for pod in related if is_active(pod))
    return sorted(pods, key=lambda pod: _rank(pod, crowd, now))[:count]


def _rank(pod: Pod, crowd: Counter[str], now: float) -> tuple[Any, ...]:
    node = pod.spec.node_name
    return (
        bool(node),
        _PHASE_RANK.get(pod.status.phase, 2),
        is_ready(pod),
        deletion_cost(pod),
        -crowd[node] if node else 0,
        _age(ready_since(pod), now) if is_ready(pod) else 0,
        -max((status.restart_count for status in pod.status.container_statuses), default=0),
        _age(_created(pod), now),
        pod.metadata.uid,
    )


def deletion_cost(pod: Pod) -> int:
    """What the pod's annotation says; 0 when it says nothing that is a number."""
    text = pod.metadata.annotations.get(DELETION_COST_ANNOTATION, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def _created(pod: Pod) -> float | None:
    stamp = pod.metadata.creation_timestamp
    return timestamps.parse(stamp) if stamp else None


def _age(since: float | None, now: float) -> int:
    """The order of magnitude of an age: pods of like age are not told apart by it. Never before any."""
    if since is None:
        return -1
    return int(math.log2(max(now - since, 1.0)))
