"""How many pods to make, which to delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.types import ObjectMeta, Pod, ReplicaSet
from controllers.ownership import controller_reference
from controllers.replicaset.ranking import to_delete

# The most pods created or deleted in one go (upstream: BurstReplicas).
BURST = 500
FIRST_BATCH = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """create: how many pods to create; delete: which pods to delete. One of the two is empty."""

    create: int
    delete: list[Pod]


def plan(replica_set: ReplicaSet, pods: Sequence[Pod], related: Sequence[Pod], now: float) -> Plan:
    """Compare the active pods with what is asked for. related: pods of the owner's other replica sets and these."""
    if replica_set.metadata.deletion_timestamp is not None:
        return Plan(0, [])
    missing = desired_replicas(replica_set) - len(pods)
    if missing >= 0:
        return Plan(min(missing, BURST), [])
    return Plan(0, to_delete(pods, related, min(-missing, BURST), now))


def desired_replicas(replica_set: ReplicaSet) -> int:
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def slow_start(count: int) -> Iterator[int]:
    """Batches of 1, 2, 4 ... that add up to `count`: what fails at once should not be asked for a thousand times."""
    batch = FIRST_BATCH
    while count > 0:
        size = min(batch, count)
        yield size
        count -= size
        batch *= 2


def pod_from_template(replica_set: ReplicaSet) -> Pod:
    """A new pod of the set, to be named by the API server."""
    template = replica_set.spec.template
    return Pod(
        metadata=ObjectMeta(
            generate_name=f"{replica_set.metadata.name}-",
            namespace=replica_set.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[controller_reference(replica_set)],
        ),
        spec=template.spec,
    )
