"""ReplicationControllers: as ReplicaSets, with a plain selector."""

from __future__ import annotations

from collections.abc import Mapping

from api.errors import FieldError
from api.types import PodTemplateSpec, ReplicationController
from api.validation.checks import Errors, non_negative
from api.validation.workloads import pod_template

_NOT_MORE = "cannot be greater than status.replicas"


def replication_controller(controller: ReplicationController) -> Errors:
    spec, path = controller.spec, "spec"
    yield from non_negative(spec.min_ready_seconds, f"{path}.minReadySeconds")
    if not spec.selector:
        yield FieldError.required(f"{path}.selector")
    yield from non_negative(spec.replicas, f"{path}.replicas")
    if spec.template is None:
        yield FieldError.required(f"{path}.template")
    else:
        yield from _template(spec.template, spec.selector, f"{path}.template")


def replication_controller_status(new: ReplicationController, old: ReplicationController) -> Errors:
    status = new.status
    for name, value in (
        ("replicas", status.replicas),
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
        ("observedGeneration", status.observed_generation),
    ):
        yield from non_negative(value, f"status.{name}")
    if status.fully_labeled_replicas > status.replicas:
        yield FieldError.invalid("status.fullyLabeledReplicas", status.fully_labeled_replicas, _NOT_MORE)
    if status.ready_replicas > status.replicas:
        yield FieldError.invalid("status.readyReplicas", status.ready_replicas, _NOT_MORE)
    if status.available_replicas > status.replicas:
        yield FieldError.invalid("status.availableReplicas", status.available_replicas, _NOT_MORE)
    if status.available_replicas > status.ready_replicas:
        detail = "cannot be greater than readyReplicas"
        yield FieldError.invalid("status.availableReplicas", status.available_replicas, detail)


def _template(template: PodTemplateSpec, selector: Mapping[str, str], path: str) -> Errors:
    labels = template.metadata.labels
    if selector and not selector.items() <= labels.items():
        detail = "`selector` does not match template `labels`"
        yield FieldError.invalid(f"{path}.metadata.labels", labels, detail)
    yield from pod_template(template, path)
    policy = template.spec.restart_policy
    if policy != "Always":
        yield FieldError.not_supported(f"{path}.spec.restartPolicy", policy, ("Always",))
    if template.spec.active_deadline_seconds is not None:
        where = f"{path}.spec.activeDeadlineSeconds"
        yield FieldError.forbidden(where, "activeDeadlineSeconds in ReplicationController is not Supported")
