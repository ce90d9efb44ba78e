"""Which pods a rolling update replaces next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.types import Pod, StatefulSet
from controllers.deployment.numbers import scaled
from controllers.statefulset.identity import revision_of


def max_unavailable(stateful_set: StatefulSet, replicas: int) -> int:
    """How many pods may be unavailable; at least one, or an update would never begin."""
    rolling = stateful_set.spec.update_strategy.rolling_update
    if rolling is None or rolling.max_unavailable is None:
        return 1
    return max(1, scaled(rolling.max_unavailable, replicas, round_up=False))


def to_replace(
    stateful_set: StatefulSet, replicas: Sequence[Pod | None], revision: str, is_healthy: Callable[[Pod], bool]
) -> list[Pod]:
    """The pods to delete, from the highest ordinal down to the partition.

    replicas: the wanted ordinals' pods, None where there is none; revision: the update revision's name. An old pod
    that is not available anyway costs nothing; the walk ends where unavailable pods use up what is allowed.
    """
    rolling = stateful_set.spec.update_strategy.rolling_update
    partition = (rolling.partition or 0) if rolling is not None else 0
    allowed = max_unavailable(stateful_set, len(replicas))
    spare = allowed - sum(pod is None or not is_healthy(pod) for pod in replicas)
    chosen: list[Pod] = []
    seen = 0  # unavailable pods passed on the way down, chosen ones included
    for pod in reversed(replicas[partition:]):
        if seen >= allowed:
            break
        healthy = pod is not None and is_healthy(pod)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            seen += 1
        elif revision_of(pod) == revision:
            seen += not healthy
        elif not healthy:
            chosen.append(pod)
            seen += 1
        elif spare > 0:
            chosen.append(pod)
            spare -= 1
            seen += 1
        else:
            break
    return chosen
