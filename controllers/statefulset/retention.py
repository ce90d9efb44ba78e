"""Who owns a pod's claims, so that they go with the set, with the pod, or with nobody. Pure.

Source: Kubernetes' documentation, StatefulSets, PersistentVolumeClaim retention. The garbage collector
does the deleting.
"""

from __future__ import annotations

from typing import Any

from api.types import OwnerReference, PersistentVolumeClaim, Pod, StatefulSet
from controllers.ownership import controller_of, controller_reference
from controllers.statefulset.identity import ordinals

DELETE = "Delete"


def with_owners(
    stateful_set: StatefulSet, claim: PersistentVolumeClaim, pod: Pod | None, ordinal: int
) -> list[OwnerReference] | None:
    """The claim's owner references as the set's policy wants them; None when they are so already.

    The set owns claims that go with it, a pod scaled away owns those that go with scaling. pod: None before it is
    made. A claim that somebody else controls is left alone.
    """
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    when_deleted = policy is not None and policy.when_deleted == DELETE
    when_scaled = policy is not None and policy.when_scaled == DELETE
    scaled_away = when_scaled and ordinal not in ordinals(stateful_set)
    wanted = [
        *([stateful_set] if when_deleted and not scaled_away else []),
        *([pod] if scaled_away and pod is not None else []),
    ]
    ours = {stateful_set.metadata.uid, *([pod.metadata.uid] if pod is not None else [])}
    controller = controller_of(claim)
    if wanted and controller is not None and controller.uid not in ours:
        return None
    current = claim.metadata.owner_references
    references = [each for each in current if each.uid not in ours] + [controller_reference(owner) for owner in wanted]
    return None if _same(current, references) else references


def is_stale(stateful_set: StatefulSet, claim: PersistentVolumeClaim, pod_name: str) -> bool:
    """The claim goes with an earlier pod of this name: a new one must wait until it is gone."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    if policy is None or policy.when_scaled != DELETE:
        return False
    return any(owner.kind == "Pod" and owner.name == pod_name for owner in claim.metadata.owner_references)


def _same(one: list[OwnerReference], other: list[OwnerReference]) -> bool:
    return _keys(one) == _keys(other)


def _keys(references: list[OwnerReference]) -> dict[str, Any]:
    return {each.uid: (each.kind, each.name, bool(each.controller)) for each in references}
