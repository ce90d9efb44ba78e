"""How many pods may be, and must be, during a rollout.

Source: upstream's deployment utilities: percentages of surge round up, of unavailability down; both zero would stand
still, so one pod may then be unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.types import Deployment, ReplicaSet
from controllers.deployment.bookkeeping import MAX_REPLICAS, desired_annotation, number

ROLLING_UPDATE = "RollingUpdate"
RECREATE = "Recreate"


def desired(deployment: Deployment) -> int:
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def size(replica_set: ReplicaSet) -> int:
    """How many pods the set is asked to have."""
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def total_size(replica_sets: Iterable[ReplicaSet]) -> int:
    return sum(size(replica_set) for replica_set in replica_sets)


def available(replica_sets: Iterable[ReplicaSet]) -> int:
    return sum(replica_set.status.available_replicas for replica_set in replica_sets)


def terminating(replica_sets: Iterable[ReplicaSet]) -> int | None:
    """The pods on their way out; None while a set has not told."""
    told = [replica_set.status.terminating_replicas for replica_set in replica_sets]
    return None if None in told else sum(number or 0 for number in told)


def scaled(value: int | str | None, total: int, *, round_up: bool) -> int:
    """An IntOrString of a total: a number as it is, a percentage of it rounded as told."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%"))
    return -(-percent * total // 100) if round_up else percent * total // 100


def fenceposts(deployment: Deployment) -> tuple[int, int]:
    """(max surge, max unavailable) in pods; (0, 0) unless the deployment rolls."""
    rolling = deployment.spec.strategy.rolling_update
    if deployment.spec.strategy.type != ROLLING_UPDATE or rolling is None:
        return 0, 0
    total = desired(deployment)
    surge = scaled(rolling.max_surge, total, round_up=True)
    unavailable = scaled(rolling.max_unavailable, total, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, unavailable


def max_surge(deployment: Deployment) -> int:
    return fenceposts(deployment)[0]


def max_unavailable(deployment: Deployment) -> int:
    """Never more than there are replicas."""
    if desired(deployment) == 0:
        return 0
    return min(fenceposts(deployment)[1], desired(deployment))


def new_set_size(deployment: Deployment, replica_sets: Sequence[ReplicaSet], current: int) -> int:
    """How big the new replica set, now of size `current`, may be made. replica_sets: all, the new one included."""
    if deployment.spec.strategy.type != ROLLING_UPDATE:
        return desired(deployment)
    room = desired(deployment) + max_surge(deployment) - total_size(replica_sets)
    if room <= 0:
        return current
    return current + min(room, desired(deployment) - current)


def is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    """The new replica set is all there and available."""
    if new is None:
        return False
    wanted = desired(deployment)
    return size(new) == wanted and desired_annotation(new) == wanted and new.status.available_replicas == wanted


def proportional_change(deployment: Deployment, replica_set: ReplicaSet, to_add: int, added: int) -> int:
    """The set's share of `to_add` pods (negative: to remove), of which `added` are given out."""
    if size(replica_set) == 0 or to_add in (0, added):
        return 0
    share = _fraction(deployment, replica_set)
    left = to_add - added
    return min(share, left) if to_add > 0 else max(share, left)


def _fraction(deployment: Deployment, replica_set: ReplicaSet) -> int:
    if desired(deployment) == 0:
        return -size(replica_set)
    before = number(replica_set.metadata.annotations.get(MAX_REPLICAS)) or deployment.status.replicas
    if before == 0:
        return 0
    after = desired(deployment) + max_surge(deployment)
    grown = size(replica_set) * after / before
    return int(grown + 0.5) - size(replica_set)
