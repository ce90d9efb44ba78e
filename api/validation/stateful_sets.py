"""StatefulSets and ControllerRevisions.

Of the pod template only labels and annotations are checked (upstream): its volumes may name claims that are not
made yet.
"""

from __future__ import annotations

from msgspec.structs import replace

from api import names
from api.errors import BadRequest, FieldError
from api.selectors import from_record
from api.types import (
    ControllerRevision,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from api.validation import metadata
from api.validation.checks import Errors, immutable, internal_form, non_negative, well_formed
from api.validation.selectors import label_selector
from api.validation.workloads import amount, count_or_percent

_RETENTION = ("Retain", "Delete")
_NOT_MORE = "cannot be greater than status.replicas"
_FIXED = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def stateful_set(stateful_set: StatefulSet) -> Errors:
    yield from _spec(stateful_set.spec, "spec")
    if stateful_set.spec.service_name:
        yield from well_formed(stateful_set.spec.service_name, "spec.serviceName", names.dns1123_label)


def stateful_set_update(new: StatefulSet, old: StatefulSet) -> Errors:
    yield from _spec(new.spec, "spec")
    changeable = replace(
        old.spec,
        replicas=new.spec.replicas,
        template=new.spec.template,
        update_strategy=new.spec.update_strategy,
        min_ready_seconds=new.spec.min_ready_seconds,
        ordinals=new.spec.ordinals,
        revision_history_limit=new.spec.revision_history_limit,
        persistent_volume_claim_retention_policy=new.spec.persistent_volume_claim_retention_policy,
    )
    if changeable != new.spec:
        yield FieldError.forbidden("spec", _FIXED)


def stateful_set_status(new: StatefulSet, old: StatefulSet) -> Errors:
    status = new.status
    yield from _counts(status)
    yield from non_negative(status.observed_generation, "status.observedGeneration")
    yield from non_negative(status.collision_count, "status.collisionCount")
    if status.available_replicas > status.ready_replicas:
        detail = "cannot be greater than status.readyReplicas"
        yield FieldError.invalid("status.availableReplicas", status.available_replicas, detail)
    if (status.collision_count or 0) < (old.status.collision_count or 0):
        yield FieldError.invalid("status.collisionCount", status.collision_count or 0, "cannot be decremented")


def controller_revision(revision: ControllerRevision) -> Errors:
    yield from non_negative(revision.revision, "revision")
    if revision.data is None:
        yield FieldError.required("data", "data is mandatory")
    elif not isinstance(revision.data, dict):
        yield FieldError.required("data", "data must be a valid JSON object")


def controller_revision_update(new: ControllerRevision, old: ControllerRevision) -> Errors:
    yield from non_negative(new.revision, "revision")
    yield from immutable(new.data, old.data, "data")


def _counts(status: StatefulSetStatus) -> Errors:
    counts = {
        "readyReplicas": status.ready_replicas,
        "currentReplicas": status.current_replicas,
        "updatedReplicas": status.updated_replicas,
        "availableReplicas": status.available_replicas,
    }
    yield from non_negative(status.replicas, "status.replicas")
    for name, count in counts.items():
        yield from non_negative(count, f"status.{name}")
    for name, count in counts.items():
        if count > status.replicas:
            yield FieldError.invalid(f"status.{name}", count, _NOT_MORE)


def _spec(spec: StatefulSetSpec, path: str) -> Errors:
    if spec.pod_management_policy not in ("OrderedReady", "Parallel"):
        detail = "must be 'OrderedReady' or 'Parallel'"
        yield FieldError.invalid(f"{path}.podManagementPolicy", spec.pod_management_policy, detail)
    yield from _strategy(spec.update_strategy, f"{path}.updateStrategy")
    retention = spec.persistent_volume_claim_retention_policy
    if retention is not None:
        where = f"{path}.persistentVolumeClaimRetentionPolicy"
        for name, policy in (("whenDeleted", retention.when_deleted), ("whenScaled", retention.when_scaled)):
            if policy not in _RETENTION:
                yield FieldError.not_supported(f"{where}.{name}", policy, _RETENTION)
    yield from non_negative(spec.replicas, f"{path}.replicas")
    yield from non_negative(spec.min_ready_seconds, f"{path}.minReadySeconds")
    if spec.ordinals is not None:
        yield from non_negative(spec.ordinals.start, f"{path}.ordinals.start")
    yield from _selected_template(spec, path)


def _selected_template(spec: StatefulSetSpec, path: str) -> Errors:
    yield from _selector(spec, path)
    template = spec.template
    yield from metadata.labels(template.metadata.labels, f"{path}.template.labels")
    yield from metadata.annotations(template.metadata.annotations, f"{path}.template.annotations")
    policy = template.spec.restart_policy
    if policy != "Always":
        yield FieldError.not_supported(f"{path}.template.spec.restartPolicy", policy, ("Always",))
    if template.spec.active_deadline_seconds is not None:
        where = f"{path}.template.spec.activeDeadlineSeconds"
        yield FieldError.forbidden(where, "activeDeadlineSeconds in StatefulSet is not Supported")


def _selector(spec: StatefulSetSpec, path: str) -> Errors:
    selector, labels = spec.selector, spec.template.metadata.labels
    if selector is None:
        yield FieldError.required(f"{path}.selector")
        selects = False
    else:
        yield from label_selector(selector, f"{path}.selector")
        if not selector.match_labels and not selector.match_expressions:
            yield FieldError.invalid(f"{path}.selector", selector, "empty selector is invalid for statefulset")
        try:
            selects = from_record(selector).matches(labels)
        except BadRequest:
            yield FieldError.invalid(f"{path}.selector", selector, "")
            return
    if not selects:
        detail = "`selector` does not match template `labels`"
        yield FieldError.invalid(f"{path}.template.metadata.labels", labels, detail)


def _strategy(strategy: StatefulSetUpdateStrategy, path: str) -> Errors:
    rolling = strategy.rolling_update
    match strategy.type:
        case "RollingUpdate":
            if rolling is not None:
                yield from _rolling_update(rolling, f"{path}.rollingUpdate")
        case "OnDelete":
            if rolling is not None:
                detail = "only allowed for updateStrategy 'RollingUpdate'"
                yield FieldError.invalid(f"{path}.rollingUpdate", internal_form(rolling), detail)
        case _:
            yield FieldError.invalid(path, internal_form(strategy), "must be 'RollingUpdate' or 'OnDelete'")


def _rolling_update(rolling: RollingUpdateStatefulSetStrategy, path: str) -> Errors:
    yield from non_negative(rolling.partition, f"{path}.partition")
    unavailable = rolling.max_unavailable
    if unavailable is None:
        return
    yield from count_or_percent(unavailable, f"{path}.maxUnavailable")
    if amount(unavailable) == 0:
        yield FieldError.invalid(f"{path}.maxUnavailable", unavailable, "cannot be 0")
    if isinstance(unavailable, str) and amount(unavailable) > 100:
        yield FieldError.invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%")
