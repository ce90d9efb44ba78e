"""Going back to an earlier revision when an annotation of old clients asks for it. Pure.

Behaviour: upstream's deployment controller; the annotation is what extensions/v1beta1's `spec.rollbackTo` became.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from api.types import Deployment, ReplicaSet
from cluster.events import NORMAL, WARNING
from controllers.deployment.bookkeeping import OWN, ROLLBACK_TO, number, revision
from controllers.deployment.template import same_template, without_hash

NOT_FOUND = "DeploymentRollbackRevisionNotFound"
UNCHANGED = "DeploymentRollbackTemplateUnchanged"
DONE = "DeploymentRollback"


@dataclass(frozen=True, slots=True)
class Rollback:
    """The deployment as it should be, no longer asking; and what to tell of it, as an event."""

    deployment: Deployment
    type: str
    reason: str
    message: str


def wanted(deployment: Deployment) -> int | None:
    """The revision asked for, 0 for the last one; None when none is, or nonsense."""
    return number(deployment.metadata.annotations.get(ROLLBACK_TO))


def roll_back(deployment: Deployment, replica_sets: Sequence[ReplicaSet], to: int) -> Rollback:
    """Give the deployment the template and the annotations of the replica set of that revision."""
    annotations = {key: value for key, value in deployment.metadata.annotations.items() if key != ROLLBACK_TO}
    to = to or _last(replica_sets)
    if to == 0:
        return _with(deployment, annotations, WARNING, NOT_FOUND, "Unable to find last revision.")
    found = next((each for each in replica_sets if revision(each) == to), None)
    if found is None:
        return _with(deployment, annotations, WARNING, NOT_FOUND, "Unable to find the revision to rollback to.")
    name = deployment.metadata.name
    if same_template(found.spec.template, deployment.spec.template):
        message = f'The rollback revision contains the same template as current deployment "{name}"'
        return _with(deployment, annotations, WARNING, UNCHANGED, message)
    deployment = replace(deployment, spec=replace(deployment.spec, template=without_hash(found.spec.template)))
    annotations = {key: value for key, value in annotations.items() if key in OWN} | {
        key: value for key, value in found.metadata.annotations.items() if key not in OWN
    }
    return _with(deployment, annotations, NORMAL, DONE, f'Rolled back deployment "{name}" to revision {to}')


def _last(replica_sets: Iterable[ReplicaSet]) -> int:
    """The revision before the newest; 0 when there is none."""
    newest_first = sorted(map(revision, replica_sets), reverse=True)
    return newest_first[1] if len(newest_first) > 1 else 0


def _with(deployment: Deployment, annotations: dict[str, str], type_: str, reason: str, message: str) -> Rollback:
    metadata = replace(deployment.metadata, annotations=annotations)
    return Rollback(replace(deployment, metadata=metadata), type_, reason, message)
