"""How far a deployment's rollout is, and what its revisions were. Pure.

Behaviour: kubectl's rollout status and history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
POD_TEMPLATE_HASH = "pod-template-hash"

Tree = dict[str, Any]


class RolloutFailed(Exception):
    """The rollout does not go on by itself."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a workload. template: the pod template as the workload had it."""

    number: int
    change_cause: str
    template: Tree


def progress_of(deployment: Tree) -> tuple[str, bool]:
    """What to say of the rollout, and whether it is done. Raises RolloutFailed."""
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status", {})
    name = metadata["name"]
    if metadata.get("generation", 0) > status.get("observedGeneration", 0):
        return "Waiting for deployment spec update to be observed...", False
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise RolloutFailed(f'deployment "{name}" exceeded its progress deadline')
    wanted = spec.get("replicas", 1)
    updated, replicas = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return f"{waiting}{updated} out of {wanted} new replicas have been updated...", False
    if replicas > updated:
        return f"{waiting}{replicas - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{waiting}{available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def revisions(deployment: Tree, replica_sets: Iterable[Tree]) -> list[Revision]:
    """The deployment's revisions, oldest first."""
    uid = deployment["metadata"]["uid"]
    found = []
    for replica_set in replica_sets:
        metadata = replica_set["metadata"]
        owned = any(owner["uid"] == uid and owner.get("controller") for owner in metadata.get("ownerReferences", ()))
        number = metadata.get("annotations", {}).get(REVISION, "")
        if owned and number.isdecimal():
            cause = metadata["annotations"].get(CHANGE_CAUSE, "<none>")
            found.append(Revision(int(number), cause, without_hash(replica_set["spec"]["template"])))
    return sorted(found, key=lambda revision: revision.number)


def without_hash(template: Tree) -> Tree:
    """The template without the label that tells replica sets apart."""
    metadata = template.get("metadata", {})
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key != POD_TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}
