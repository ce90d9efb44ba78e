"""A deployment's conditions: upstream's reasons and words, which `kubectl rollout status` reads."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from api import timestamps
from api.types import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from controllers.deployment.numbers import desired

AVAILABLE = "Available"
PROGRESSING = "Progressing"
REPLICA_FAILURE = "ReplicaFailure"

MINIMUM_AVAILABLE = "MinimumReplicasAvailable"
MINIMUM_UNAVAILABLE = "MinimumReplicasUnavailable"
FOUND = "FoundNewReplicaSet"
CREATED = "NewReplicaSetCreated"
UPDATED = "ReplicaSetUpdated"
COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
FAILED_CREATE = "ReplicaSetCreateError"

# kubectl and the API both take this deadline to mean "none".
NO_DEADLINE_SECONDS = 2**31 - 1

Conditions = list[DeploymentCondition]


def find(conditions: Sequence[DeploymentCondition], type_: str) -> DeploymentCondition | None:
    return next((condition for condition in conditions if condition.type == type_), None)


def make(type_: str, status: str, reason: str, message: str, now: float) -> DeploymentCondition:
    stamp = timestamps.now_text(now)
    return DeploymentCondition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_update_time=stamp,
        last_transition_time=stamp,
    )


def with_condition(conditions: Sequence[DeploymentCondition], new: DeploymentCondition) -> Conditions:
    """Set a condition. The same status and reason change nothing; the same status keeps its transition time."""
    current = find(conditions, new.type)
    if current is not None and (current.status, current.reason) == (new.status, new.reason):
        return list(conditions)
    if current is not None and current.status == new.status:
        new = replace(new, last_transition_time=current.last_transition_time)
    return [*without(conditions, new.type), new]


def without(conditions: Sequence[DeploymentCondition], type_: str) -> Conditions:
    return [condition for condition in conditions if condition.type != type_]


def has_deadline(deployment: Deployment) -> bool:
    seconds = deployment.spec.progress_deadline_seconds
    return seconds is not None and seconds != NO_DEADLINE_SECONDS


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Every pod is of the new template and available, no other is left."""
    wanted = desired(deployment)
    return (
        status.updated_replicas == wanted
        and status.replicas == wanted
        and status.available_replicas == wanted
        and status.observed_generation >= deployment.metadata.generation
    )


def is_progressing(old: DeploymentStatus, new: DeploymentStatus) -> bool:
    """Something moved in the right direction since the status was last written."""
    return (
        new.updated_replicas > old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
    )


def deadline_seconds(deployment: Deployment, now: float) -> float | None:
    """Seconds until the rollout counts as stuck (negative: since when it does); None when that cannot be.

    The clock starts anew with each progress: it is the condition's last update.
    """
    progressing = find(deployment.status.conditions, PROGRESSING)
    if progressing is None or progressing.reason == COMPLETE or not has_deadline(deployment):
        return None
    if progressing.reason == TIMED_OUT:
        return 0.0
    since = timestamps.parse(progressing.last_update_time) if progressing.last_update_time else now
    return since + (deployment.spec.progress_deadline_seconds or 0) - now


def replica_failure(replica_sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> DeploymentCondition | None:
    """What keeps a replica set from making its pods, the new set's trouble first."""
    ordered = [*([new] if new else []), *replica_sets]
    for replica_set in ordered:
        for condition in replica_set.status.conditions:
            if condition.type == REPLICA_FAILURE:
                return DeploymentCondition(
                    type=condition.type,
                    status=condition.status,
                    reason=condition.reason,
                    message=condition.message,
                    last_transition_time=condition.last_transition_time,
                    last_update_time=condition.last_transition_time,
                )
    return None
