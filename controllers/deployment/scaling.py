"""Scaling a deployment: in proportion when several replica sets are alive, and forgetting those that are not.

Source: upstream's deployment controller, proportional scaling and history clean-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.types import Deployment, ReplicaSet
from controllers.deployment.bookkeeping import desired_annotation, revision
from controllers.deployment.numbers import (
    ROLLING_UPDATE,
    desired,
    is_saturated,
    max_surge,
    proportional_change,
    size,
    total_size,
)

Sizes = dict[str, int]


def is_scaling(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> bool:
    """The deployment's size was changed since its replica sets were last scaled."""
    return any(
        (annotated := desired_annotation(replica_set)) is not None and annotated != desired(deployment)
        for replica_set in replica_sets
        if size(replica_set) > 0
    )


def rescaled(deployment: Deployment, replica_sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> Sizes:
    """The sizes, by uid, that bring the replica sets up to the deployment's."""
    alive = [replica_set for replica_set in replica_sets if size(replica_set) > 0]
    only = _only(alive, replica_sets, new)
    if only is not None:
        return {} if size(only) == desired(deployment) else {only.metadata.uid: desired(deployment)}
    if is_saturated(deployment, new):
        return {replica_set.metadata.uid: 0 for replica_set in alive if replica_set is not new}
    if deployment.spec.strategy.type != ROLLING_UPDATE:
        return {}
    return _in_proportion(deployment, alive)


def forgettable(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The old replica sets beyond the history limit: the oldest revisions, as far as they are empty and settled."""
    limit = deployment.spec.revision_history_limit
    if limit is None:
        return []
    candidates = [replica_set for replica_set in old if replica_set.metadata.deletion_timestamp is None]
    excess = len(candidates) - limit
    if excess <= 0:
        return []
    return [replica_set for replica_set in sorted(candidates, key=revision)[:excess] if _is_settled(replica_set)]


def _only(alive: Sequence[ReplicaSet], all_sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> ReplicaSet | None:
    """The one replica set that scaling concerns: the alive one, else the new one, else the latest."""
    if len(alive) > 1:
        return None
    if alive:
        return alive[0]
    if new is not None:
        return new
    return max(all_sets, key=lambda replica_set: replica_set.metadata.creation_timestamp or "", default=None)


def _in_proportion(deployment: Deployment, alive: Sequence[ReplicaSet]) -> Sizes:
    allowed = desired(deployment) + max_surge(deployment) if desired(deployment) > 0 else 0
    to_add = allowed - total_size(alive)
    # Growth goes to the biggest and newest first, shrinking takes from the biggest and oldest.
    ordered = sorted(alive, key=lambda each: each.metadata.creation_timestamp or "", reverse=to_add > 0)
    ordered.sort(key=size, reverse=True)
    sizes: Sizes = {}
    added = 0
    for replica_set in ordered:
        change = proportional_change(deployment, replica_set, to_add, added) if to_add else 0
        sizes[replica_set.metadata.uid] = size(replica_set) + change
        added += change
    if ordered and to_add:
        first = ordered[0].metadata.uid
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def _is_settled(replica_set: ReplicaSet) -> bool:
    return (
        replica_set.status.replicas == 0
        and size(replica_set) == 0
        and replica_set.metadata.generation <= replica_set.status.observed_generation
    )
