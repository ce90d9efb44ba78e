"""A ReplicaSet's status from its pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from api.types import Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from controllers.pods import is_available, is_ready

REPLICA_FAILURE = "ReplicaFailure"


def new_status(
    replica_set: ReplicaSet, pods: Sequence[Pod], failure: ReplicaSetCondition | None, now: float
) -> ReplicaSetStatus:
    """What the status should be. failure: what kept pods from being created or deleted just now, if anything did."""
    template_labels = replica_set.spec.template.metadata.labels.items()
    min_ready_seconds = replica_set.spec.min_ready_seconds
    ready = [pod for pod in pods if is_ready(pod)]
    return replace(
        replica_set.status,
        replicas=len(pods),
        fully_labeled_replicas=sum(template_labels <= pod.metadata.labels.items() for pod in pods),
        ready_replicas=len(ready),
        available_replicas=sum(is_available(pod, min_ready_seconds, now) for pod in ready),
        observed_generation=replica_set.metadata.generation,
        conditions=_conditions(replica_set.status.conditions, failure),
    )


def _conditions(
    current: Iterable[ReplicaSetCondition], failure: ReplicaSetCondition | None
) -> list[ReplicaSetCondition]:
    others = [condition for condition in current if condition.type != REPLICA_FAILURE]
    if failure is None:
        return others
    for condition in current:
        if condition.type == REPLICA_FAILURE and condition.reason == failure.reason:
            return list(current)  # said already
    return [*others, failure]
