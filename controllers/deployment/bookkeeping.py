"""The annotations by which a deployment and its replica sets keep count: revisions and sizes (upstream's names)."""

from __future__ import annotations

from collections.abc import Iterable

from api.types import Deployment, ReplicaSet

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
MAX_HISTORY_CHARACTERS = 2000

# What belongs to one object and is not handed from a deployment to its replica sets.
OWN = frozenset({LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO})


def number(text: str | None) -> int | None:
    """An annotation's number; None when there is none."""
    try:
        return int(text or "")
    except ValueError:
        return None


def revision(object: Deployment | ReplicaSet) -> int:
    """The revision an object says it is; 0 when it says none."""
    return number(object.metadata.annotations.get(REVISION)) or 0


def max_revision(replica_sets: Iterable[ReplicaSet]) -> int:
    return max((revision(replica_set) for replica_set in replica_sets), default=0)


def desired_annotation(replica_set: ReplicaSet) -> int | None:
    """How big the deployment was when the set was last scaled."""
    return number(replica_set.metadata.annotations.get(DESIRED_REPLICAS))


def size_annotations(replicas: int, max_replicas: int) -> dict[str, str]:
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(max_replicas)}


def for_new_set(deployment: Deployment, current: dict[str, str], new_revision: int) -> dict[str, str]:
    """The annotations of the deployment's newest replica set: the deployment's own and its revision, never lowered."""
    handed = {key: value for key, value in deployment.metadata.annotations.items() if key not in OWN}
    annotations = {**current, **handed}
    old = number(annotations.get(REVISION)) if REVISION in annotations else 0
    if old is None or old >= new_revision:
        return annotations
    if REVISION in annotations:
        annotations[REVISION_HISTORY] = _with_revision(annotations.get(REVISION_HISTORY, ""), str(old))
    annotations[REVISION] = str(new_revision)
    return annotations


def _with_revision(history: str, old: str) -> str:
    """The history with one more revision; the oldest are dropped when it grows too long."""
    revisions = [*history.split(","), old] if history else [old]
    while len(",".join(revisions)) > MAX_HISTORY_CHARACTERS and len(revisions) > 1:
        del revisions[0]
    return ",".join(revisions)
