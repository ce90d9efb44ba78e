"""The status of a ReplicaSet or ReplicationController from its pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from api.types import Pod, PodTemplateSpec, ReplicaSet
from controllers.pods import is_available, is_ready
from controllers.replicaset.kinds import Condition, Owner, Status

REPLICA_FAILURE = "ReplicaFailure"


def new_status(
    owner: Owner, pods: Sequence[Pod], failure: Condition | None, now: float, terminating: int = 0
) -> Status:
    """What the status should be. failure: what kept pods from being created or deleted just now, if anything did.

    terminating: how many further pods are on their way out, which only a ReplicaSet tells.
    """
    template = owner.spec.template or PodTemplateSpec()
    template_labels = template.metadata.labels.items()
    min_ready_seconds = owner.spec.min_ready_seconds
    ready = [pod for pod in pods if is_ready(pod)]
    further = {"terminating_replicas": terminating} if isinstance(owner, ReplicaSet) else {}
    return replace(
        owner.status,
        **further,
        replicas=len(pods),
        fully_labeled_replicas=sum(template_labels <= pod.metadata.labels.items() for pod in pods),
        ready_replicas=len(ready),
        available_replicas=sum(is_available(pod, min_ready_seconds, now) for pod in ready),
        observed_generation=owner.metadata.generation,
        conditions=_conditions(owner.status.conditions, failure),
    )


def _conditions(current: Iterable[Condition], failure: Condition | None) -> list[Condition]:
    others = [condition for condition in current if condition.type != REPLICA_FAILURE]
    if failure is None:
        return others
    for condition in current:
        if condition.type == REPLICA_FAILURE and condition.reason == failure.reason:
            return list(current)  # said already
    return [*others, failure]
