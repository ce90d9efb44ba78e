"""The rolling update: how big each replica set may be next.

Source: upstream's rolling strategy. First the new set grows as far as the surge allows; only when it cannot grow do the
old ones shrink, those pods first that serve nobody, as far as the pods that must be available allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.types import Deployment, ReplicaSet
from controllers.deployment.numbers import (
    desired,
    max_unavailable,
    new_set_size,
    size,
    total_size,
)
from controllers.deployment.template import by_age

Sizes = dict[str, int]


def next_sizes(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    """The replica sets to scale in this step, by uid; empty when there is nothing to do."""
    current = size(new)
    if current > desired(deployment):
        return {new.metadata.uid: desired(deployment)}
    grown = new_set_size(deployment, [*old, new], current)
    if grown != current:
        return {new.metadata.uid: grown}
    return _shrink_old(deployment, new, old)


def _shrink_old(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    if total_size(old) == 0:
        return {}
    must_be_available = desired(deployment) - max_unavailable(deployment)
    new_unavailable = size(new) - _staying(new)
    removable = total_size([*old, new]) - must_be_available - new_unavailable
    if removable <= 0:
        return {}
    sizes = _without_unhealthy(old, removable)
    spare = sum(_staying(replica_set) for replica_set in [*old, new]) - must_be_available
    return {**sizes, **_without_spare(old, sizes, spare)}


def _staying(replica_set: ReplicaSet) -> int:
    """The available pods that stay: a set that was scaled down still shows those that are about to go."""
    return min(size(replica_set), replica_set.status.available_replicas)


def _without_unhealthy(old: Sequence[ReplicaSet], removable: int) -> Sizes:
    """Pods that are not available go first: removing them takes nothing away from anyone."""
    sizes: Sizes = {}
    for replica_set in by_age(old):
        going = min(removable, size(replica_set) - _staying(replica_set))
        if going > 0:
            sizes[replica_set.metadata.uid] = size(replica_set) - going
            removable -= going
    return sizes


def _without_spare(old: Sequence[ReplicaSet], sizes: Mapping[str, int], spare: int) -> Sizes:
    """Then as many available ones as can be spared, from the oldest set on."""
    shrunk: Sizes = {}
    for replica_set in by_age(old):
        current = sizes.get(replica_set.metadata.uid, size(replica_set))
        going = min(spare, current)
        if going > 0:
            shrunk[replica_set.metadata.uid] = current - going
            spare -= going
    return shrunk
