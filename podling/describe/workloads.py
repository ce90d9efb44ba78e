"""Deployments and replica sets."""

from collections.abc import Iterable, Sequence

from api.tables.text import selector
from api.types import (
    Deployment,
    DeploymentCondition,
    Event,
    Pod,
    ReplicaSet,
    ReplicaSetCondition,
    ReplicationControllerCondition,
)
from podling.describe.common import NONE, annotations, controller, events, head, labels, moment
from podling.describe.page import Page
from podling.describe.pods import describe_template

_Condition = DeploymentCondition | ReplicaSetCondition | ReplicationControllerCondition
_REVISION = "deployment.kubernetes.io/revision"


def describe_deployment(
    deployment: Deployment, replica_sets: Sequence[ReplicaSet], found: Iterable[Event], now: float
) -> str:
    """A deployment with its template, conditions, replica sets and events."""
    spec, status, page = deployment.spec, deployment.status, Page()
    head(page, deployment.metadata)
    page.field("CreationTimestamp", moment(deployment.metadata.creation_timestamp))
    labels(page, "Labels", deployment.metadata.labels)
    annotations(page, deployment.metadata.annotations)
    page.field("Selector", selector(spec.selector))
    page.field(
        "Replicas",
        f"{spec.replicas or 0} desired | {status.updated_replicas} updated | {status.replicas} total | "
        f"{status.available_replicas} available | {status.unavailable_replicas} unavailable",
    )
    page.field("StrategyType", spec.strategy.type)
    page.field("MinReadySeconds", spec.min_ready_seconds)
    rolling = spec.strategy.rolling_update
    if rolling is not None:
        text = f"{rolling.max_unavailable} max unavailable, {rolling.max_surge} max surge"
        page.field("RollingUpdateStrategy", text)
    describe_template(page, spec.template)
    conditions(page, status.conditions)
    new = _current(deployment, replica_sets)
    old = [item for item in replica_sets if item is not new]
    page.field("OldReplicaSets", ", ".join(map(_replica_set_text, old)) or NONE)
    page.field("NewReplicaSet", _replica_set_text(new) if new else NONE)
    events(page, found, now)
    return page.show()


def describe_replica_set(replica_set: ReplicaSet, pods: Iterable[Pod], found: Iterable[Event], now: float) -> str:
    """A replica set with the phases of its pods, its template and events."""
    spec, status, page = replica_set.spec, replica_set.status, Page()
    head(page, replica_set.metadata)
    page.field("Selector", selector(spec.selector))
    labels(page, "Labels", replica_set.metadata.labels)
    annotations(page, replica_set.metadata.annotations)
    owner = controller(replica_set.metadata)
    if owner:
        page.field("Controlled By", owner)
    page.field("Replicas", f"{status.replicas} current / {spec.replicas or 0} desired")
    page.field("Pods Status", phases(replica_set.metadata.uid, pods))
    describe_template(page, spec.template)
    conditions(page, status.conditions)
    events(page, found, now)
    return page.show()


def phases(uid: str, pods: Iterable[Pod]) -> str:
    """How many of the pods that the object with this uid controls are in which phase."""
    owned = [
        pod for pod in pods if any(owner.uid == uid and owner.controller for owner in pod.metadata.owner_references)
    ]
    phases = [pod.status.phase for pod in owned]
    names = {"Running": "Running", "Pending": "Waiting", "Succeeded": "Succeeded", "Failed": "Failed"}
    return " / ".join(f"{phases.count(phase)} {name}" for phase, name in names.items())


def conditions(page: Page, listed: Sequence[_Condition]) -> None:
    """The section on an object's conditions."""
    if listed:
        page.line("Conditions:")
        rows = [(f"{condition.type} ", condition.status, condition.reason) for condition in listed]
        page.table(("Type", "Status", "Reason"), rows)


def _current(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The replica set made from the deployment's current template: the one of its revision."""
    revision = deployment.metadata.annotations.get(_REVISION)
    if revision is None:
        return None
    return next((item for item in replica_sets if item.metadata.annotations.get(_REVISION) == revision), None)


def _replica_set_text(replica_set: ReplicaSet) -> str:
    created, wanted = replica_set.status.replicas, replica_set.spec.replicas or 0
    return f"{replica_set.metadata.name} ({created}/{wanted} replicas created)"
