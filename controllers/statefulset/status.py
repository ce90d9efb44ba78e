"""A StatefulSet's status from its pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from api.types import Pod, StatefulSet, StatefulSetStatus
from controllers.pods import is_available, is_ready
from controllers.statefulset.identity import desired_replicas, revision_of


def is_running_and_ready(pod: Pod) -> bool:
    return pod.status.phase == "Running" and is_ready(pod)


def new_status(
    stateful_set: StatefulSet,
    pods: Sequence[Pod],
    revisions: tuple[str, str],
    collisions: int,
    now: float,
    *,
    leaving: Iterable[str] = (),
) -> StatefulSetStatus:
    """What the status should be. revisions: names of the current and the update revision; leaving: uids of pods that
    are about to be deleted for the update.
    """
    current, update = revisions
    ready = [pod for pod in pods if is_running_and_ready(pod)]
    gone = set(leaving)
    staying = [
        revision_of(pod) for pod in pods if pod.metadata.deletion_timestamp is None and pod.metadata.uid not in gone
    ]
    status = replace(
        stateful_set.status,
        observed_generation=stateful_set.metadata.generation,
        replicas=len(pods),
        ready_replicas=len(ready),
        available_replicas=sum(is_available(pod, stateful_set.spec.min_ready_seconds, now) for pod in ready),
        current_replicas=staying.count(current),
        updated_replicas=staying.count(update),
        current_revision=current,
        update_revision=update,
        collision_count=collisions,
    )
    return _completed(stateful_set, status)


def _completed(stateful_set: StatefulSet, status: StatefulSetStatus) -> StatefulSetStatus:
    """Once every pod is new and ready, the update revision is the current one."""
    wanted = desired_replicas(stateful_set)
    counts = (status.replicas, status.ready_replicas, status.updated_replicas)
    if stateful_set.spec.update_strategy.type != "RollingUpdate" or any(count != wanted for count in counts):
        return status
    return replace(status, current_replicas=status.updated_replicas, current_revision=status.update_revision)
