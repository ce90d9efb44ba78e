"""A deployment's status from its replica sets."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from api.types import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from controllers.deployment import conditions
from controllers.deployment.numbers import available, desired, max_unavailable, terminating, total_size


def steady_status(
    deployment: Deployment, replica_sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """The counts and whether enough pods are available."""
    available_pods = available(replica_sets)
    if available_pods >= desired(deployment) - max_unavailable(deployment):
        state = ("True", conditions.MINIMUM_AVAILABLE, "Deployment has minimum availability.")
    else:
        state = ("False", conditions.MINIMUM_UNAVAILABLE, "Deployment does not have minimum availability.")
    condition = conditions.make(conditions.AVAILABLE, *state, now)
    return replace(
        deployment.status,
        observed_generation=deployment.metadata.generation,
        replicas=sum(replica_set.status.replicas for replica_set in replica_sets),
        updated_replicas=new.status.replicas if new is not None else 0,
        ready_replicas=sum(replica_set.status.ready_replicas for replica_set in replica_sets),
        available_replicas=available_pods,
        terminating_replicas=terminating(replica_sets),
        unavailable_replicas=max(0, total_size(replica_sets) - available_pods),
        conditions=conditions.with_condition(deployment.status.conditions, condition),
    )


def rollout_status(
    deployment: Deployment, replica_sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """The counts, and how the rollout gets on."""
    status = steady_status(deployment, replica_sets, new, now)
    entries = status.conditions
    if not conditions.has_deadline(deployment):
        entries = conditions.without(entries, conditions.PROGRESSING)
    elif not _was_complete(deployment, status):
        entries = _with_progress(deployment, status, new, now)
    failure = conditions.replica_failure(replica_sets, new)
    if failure is None:
        entries = conditions.without(entries, conditions.REPLICA_FAILURE)
    else:
        entries = conditions.with_condition(entries, failure)
    return replace(status, conditions=entries)


def _was_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """The rollout had ended and has not begun anew: what happens to pods now is no rollout."""
    current = conditions.find(deployment.status.conditions, conditions.PROGRESSING)
    return status.replicas == status.updated_replicas and current is not None and current.reason == conditions.COMPLETE


def _with_progress(
    deployment: Deployment, status: DeploymentStatus, new: ReplicaSet | None, now: float
) -> list[DeploymentCondition]:
    subject = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'

    def progressing(value: str, reason: str, words: str) -> DeploymentCondition:
        return conditions.make(conditions.PROGRESSING, value, reason, f"{subject} {words}", now)

    current = conditions.find(deployment.status.conditions, conditions.PROGRESSING)
    if conditions.is_complete(deployment, status):
        done = progressing("True", conditions.COMPLETE, "has successfully progressed.")
        return conditions.with_condition(status.conditions, done)
    if conditions.is_progressing(deployment.status, status):
        moving = progressing("True", conditions.UPDATED, "is progressing.")
        if current is not None and current.status == "True":
            moving = replace(moving, last_transition_time=current.last_transition_time)
        # Its update time must move with each progress: the deadline is counted from it.
        return [*conditions.without(status.conditions, conditions.PROGRESSING), moving]
    left = conditions.deadline_seconds(deployment, now)
    if left is not None and left <= 0:
        stuck = progressing("False", conditions.TIMED_OUT, "has timed out progressing.")
        return conditions.with_condition(status.conditions, stuck)
    return status.conditions
