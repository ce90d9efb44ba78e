"""Pod templates, Deployments and ReplicaSets."""

from __future__ import annotations

import re

from api.errors import BadRequest, FieldError
from api.names import regex_message
from api.selectors import from_record
from api.types import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    DeploymentStrategy,
    LabelSelector,
    PodTemplate,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from api.validation import metadata, pod_spec
from api.validation.checks import Errors, immutable, internal_form, non_negative
from api.validation.selectors import label_selector

_PERCENT = "[0-9]+%"
_PERCENT_RE = re.compile(_PERCENT)
_PERCENT_MESSAGE = "a valid percent string must be a numeric string followed by an ending '%'"
_NOT_MORE = "cannot be greater than status.replicas"


def pod_template_object(template: PodTemplate) -> Errors:
    yield from pod_template(template.template, "template")


def deployment(deployment: Deployment) -> Errors:
    yield from _deployment_spec(deployment.spec, "spec")


def deployment_update(new: Deployment, old: Deployment) -> Errors:
    yield from _deployment_spec(new.spec, "spec")
    yield from immutable(new.spec.selector, old.spec.selector, "spec.selector")


def deployment_status(new: Deployment, old: Deployment) -> Errors:
    status = new.status
    yield from non_negative(status.observed_generation, "status.observedGeneration")
    yield from _replica_counts(status)
    yield from non_negative(status.updated_replicas, "status.updatedReplicas")
    yield from non_negative(status.unavailable_replicas, "status.unavailableReplicas")
    yield from non_negative(status.collision_count, "status.collisionCount")
    if status.updated_replicas > status.replicas:
        yield FieldError.invalid("status.updatedReplicas", status.updated_replicas, _NOT_MORE)
    if (status.collision_count or 0) < (old.status.collision_count or 0):
        yield FieldError.invalid("status.collisionCount", status.collision_count, "cannot be decremented")


def replica_set(replica_set: ReplicaSet) -> Errors:
    yield from _replica_set_spec(replica_set.spec, "spec")


def replica_set_update(new: ReplicaSet, old: ReplicaSet) -> Errors:
    yield from _replica_set_spec(new.spec, "spec")
    yield from immutable(new.spec.selector, old.spec.selector, "spec.selector")


def replica_set_status(new: ReplicaSet, old: ReplicaSet) -> Errors:
    status = new.status
    yield from _replica_counts(status)
    yield from non_negative(status.fully_labeled_replicas, "status.fullyLabeledReplicas")
    yield from non_negative(status.observed_generation, "status.observedGeneration")
    if status.fully_labeled_replicas > status.replicas:
        yield FieldError.invalid("status.fullyLabeledReplicas", status.fully_labeled_replicas, _NOT_MORE)


def _replica_counts(status: DeploymentStatus | ReplicaSetStatus) -> Errors:
    yield from non_negative(status.replicas, "status.replicas")
    yield from non_negative(status.ready_replicas, "status.readyReplicas")
    yield from non_negative(status.available_replicas, "status.availableReplicas")
    yield from non_negative(status.terminating_replicas, "status.terminatingReplicas")
    if status.ready_replicas > status.replicas:
        yield FieldError.invalid("status.readyReplicas", status.ready_replicas, _NOT_MORE)
    if status.available_replicas > status.replicas:
        yield FieldError.invalid("status.availableReplicas", status.available_replicas, _NOT_MORE)
    if status.available_replicas > status.ready_replicas:
        detail = "cannot be greater than readyReplicas"
        yield FieldError.invalid("status.availableReplicas", status.available_replicas, detail)


def _deployment_spec(spec: DeploymentSpec, path: str) -> Errors:
    yield from non_negative(spec.replicas, f"{path}.replicas")
    yield from _selected_template(spec.selector, spec.template, path, "Deployment")
    yield from _strategy(spec.strategy, f"{path}.strategy")
    yield from non_negative(spec.min_ready_seconds, f"{path}.minReadySeconds")
    yield from non_negative(spec.revision_history_limit, f"{path}.revisionHistoryLimit")
    deadline = spec.progress_deadline_seconds
    if deadline is not None:
        yield from non_negative(deadline, f"{path}.progressDeadlineSeconds")
        if deadline <= spec.min_ready_seconds:
            detail = "must be greater than minReadySeconds"
            yield FieldError.invalid(f"{path}.progressDeadlineSeconds", deadline, detail)


def _replica_set_spec(spec: ReplicaSetSpec, path: str) -> Errors:
    yield from non_negative(spec.replicas, f"{path}.replicas")
    yield from non_negative(spec.min_ready_seconds, f"{path}.minReadySeconds")
    yield from _selected_template(spec.selector, spec.template, path, "ReplicaSet")


def _selected_template(selector: LabelSelector | None, template: PodTemplateSpec, path: str, kind: str) -> Errors:
    """A workload must select its own pods, and only pods that are restarted."""
    if selector is None:
        yield FieldError.required(f"{path}.selector")
        return
    yield from label_selector(selector, f"{path}.selector")
    if not selector.match_labels and not selector.match_expressions:
        yield FieldError.invalid(f"{path}.selector", selector, "empty selector is invalid for deployment")
    try:
        matcher = from_record(selector)
    except BadRequest:
        yield FieldError.invalid(f"{path}.selector", selector, "invalid label selector")
        return
    if not matcher.matches(template.metadata.labels):
        detail = "`selector` does not match template `labels`"
        yield FieldError.invalid(f"{path}.template.metadata.labels", template.metadata.labels, detail)
    yield from pod_template(template, f"{path}.template")
    policy = template.spec.restart_policy
    if policy != "Always":
        yield FieldError.not_supported(f"{path}.template.spec.restartPolicy", policy, ("Always",))
    if template.spec.active_deadline_seconds is not None:
        where = f"{path}.template.spec.activeDeadlineSeconds"
        yield FieldError.forbidden(where, f"activeDeadlineSeconds in {kind} is not Supported")


def pod_template(template: PodTemplateSpec, path: str) -> Errors:
    yield from metadata.labels(template.metadata.labels, f"{path}.labels")
    yield from metadata.annotations(template.metadata.annotations, f"{path}.annotations")
    yield from pod_spec.check(template.spec, f"{path}.spec", in_pod=False)
    if template.spec.ephemeral_containers:
        detail = "ephemeral containers not allowed in pod template"
        yield FieldError.forbidden(f"{path}.spec.ephemeralContainers", detail)


def _strategy(strategy: DeploymentStrategy, path: str) -> Errors:
    if strategy.type == "Recreate":
        if strategy.rolling_update is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            yield FieldError.forbidden(f"{path}.rollingUpdate", detail)
    elif strategy.type != "RollingUpdate":
        yield FieldError.not_supported(path, internal_form(strategy), ("Recreate", "RollingUpdate"))
    elif strategy.rolling_update is None:
        yield FieldError.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
    else:
        yield from _rolling_update(strategy.rolling_update, f"{path}.rollingUpdate")


def _rolling_update(rolling: RollingUpdateDeployment, path: str) -> Errors:
    yield from count_or_percent(rolling.max_unavailable, f"{path}.maxUnavailable")
    yield from count_or_percent(rolling.max_surge, f"{path}.maxSurge")
    if amount(rolling.max_unavailable) == 0 and amount(rolling.max_surge) == 0:
        detail = "may not be 0 when `maxSurge` is 0"
        yield FieldError.invalid(f"{path}.maxUnavailable", rolling.max_unavailable, detail)
    if isinstance(rolling.max_unavailable, str) and amount(rolling.max_unavailable) > 100:
        yield FieldError.invalid(f"{path}.maxUnavailable", rolling.max_unavailable, "must not be greater than 100%")


def count_or_percent(value: int | str | None, path: str) -> Errors:
    if isinstance(value, str):
        if not _PERCENT_RE.fullmatch(value):
            yield FieldError.invalid(path, value, regex_message(_PERCENT_MESSAGE, _PERCENT, "1%", "93%"))
    else:
        yield from non_negative(value, path)


def amount(value: int | str | None) -> int:
    """A count, or the number before a percent sign; 0 for what is neither."""
    if isinstance(value, str):
        return int(value[:-1][:9]) if _PERCENT_RE.fullmatch(value) else 0
    return value or 0
