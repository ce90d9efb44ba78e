"""How many pods to make, which to delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.types import ObjectMeta, Pod, PodTemplateSpec
from controllers.ownership import controller_reference
from controllers.pods import next_available
from controllers.replicaset.kinds import Owner
from controllers.replicaset.ranking import to_delete

# The most pods created or deleted in one go (upstream: BurstReplicas).
BURST = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """create: how many pods to create; delete: which pods to delete. One of the two is empty.

    requeue_seconds: when the next pod has been ready for long enough.
    """

    create: int
    delete: list[Pod]
    requeue_seconds: float | None = None


def plan(owner: Owner, pods: Sequence[Pod], related: Sequence[Pod], now: float) -> Plan:
    """Compare the active pods with what is asked for. related: pods of its own owner's other replica sets and these."""
    if owner.metadata.deletion_timestamp is not None:
        return Plan(0, [])
    missing = desired_replicas(owner) - len(pods)
    requeue = next_available(pods, owner.spec.min_ready_seconds, now)
    if missing >= 0:
        return Plan(min(missing, BURST), [], requeue)
    return Plan(0, to_delete(pods, related, min(-missing, BURST), now), requeue)


def desired_replicas(owner: Owner) -> int:
    return 1 if owner.spec.replicas is None else owner.spec.replicas


def pod_from_template(owner: Owner) -> Pod:
    """A new pod of the owner, to be named by the API server."""
    template = owner.spec.template or PodTemplateSpec()
    return Pod(
        metadata=ObjectMeta(
            generate_name=f"{owner.metadata.name}-",
            namespace=owner.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[controller_reference(owner)],
        ),
        spec=template.spec,
    )
