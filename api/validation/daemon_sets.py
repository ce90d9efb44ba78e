"""DaemonSets."""

from __future__ import annotations

from api.errors import BadRequest, FieldError
from api.selectors import from_record
from api.types import DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet
from api.validation.checks import Errors, immutable, internal_form, non_negative
from api.validation.selectors import label_selector
from api.validation.workloads import amount, count_or_percent, pod_template


def daemon_set(daemon_set: DaemonSet) -> Errors:
    yield from _spec(daemon_set.spec, "spec")


def daemon_set_update(new: DaemonSet, old: DaemonSet) -> Errors:
    yield from _spec(new.spec, "spec")
    yield from immutable(new.spec.selector, old.spec.selector, "spec.selector")


def daemon_set_status(new: DaemonSet, old: DaemonSet) -> Errors:
    status = new.status
    for name, count in (
        ("currentNumberScheduled", status.current_number_scheduled),
        ("numberMisscheduled", status.number_misscheduled),
        ("desiredNumberScheduled", status.desired_number_scheduled),
        ("numberReady", status.number_ready),
        ("observedGeneration", status.observed_generation),
        ("updatedNumberScheduled", status.updated_number_scheduled),
        ("numberAvailable", status.number_available),
        ("numberUnavailable", status.number_unavailable),
        ("collisionCount", status.collision_count),
    ):
        yield from non_negative(count, f"status.{name}")
    if (status.collision_count or 0) < (old.status.collision_count or 0):
        yield FieldError.invalid("status.collisionCount", status.collision_count or 0, "cannot be decremented")


def _spec(spec: DaemonSetSpec, path: str) -> Errors:
    yield from _selector(spec, path)
    template = spec.template
    yield from pod_template(template, f"{path}.template")
    policy = template.spec.restart_policy
    if policy != "Always":
        yield FieldError.not_supported(f"{path}.template.spec.restartPolicy", policy, ("Always",))
    if template.spec.active_deadline_seconds is not None:
        where = f"{path}.template.spec.activeDeadlineSeconds"
        yield FieldError.forbidden(where, "activeDeadlineSeconds in DaemonSet is not Supported")
    yield from non_negative(spec.min_ready_seconds, f"{path}.minReadySeconds")
    yield from _strategy(spec.update_strategy, f"{path}.updateStrategy")
    yield from non_negative(spec.revision_history_limit, f"{path}.revisionHistoryLimit")


def _selector(spec: DaemonSetSpec, path: str) -> Errors:
    selector, labels = spec.selector, spec.template.metadata.labels
    yield from label_selector(selector, f"{path}.selector")
    try:
        selects = selector is not None and from_record(selector).matches(labels)
    except BadRequest:
        return  # said above
    if not selects:
        detail = "`selector` does not match template `labels`"
        yield FieldError.invalid(f"{path}.template.metadata.labels", labels, detail)
    if selector is not None and not selector.match_labels and not selector.match_expressions:
        yield FieldError.invalid(f"{path}.selector", selector, "empty selector is invalid for daemonset")


def _strategy(strategy: DaemonSetUpdateStrategy, path: str) -> Errors:
    if strategy.type == "OnDelete":
        return
    if strategy.type != "RollingUpdate":
        yield FieldError.not_supported(path, internal_form(strategy), ("RollingUpdate", "OnDelete"))
    elif strategy.rolling_update is None:
        yield FieldError.required(f"{path}.rollingUpdate")
    else:
        yield from _rolling_update(strategy.rolling_update, f"{path}.rollingUpdate")


def _rolling_update(rolling: RollingUpdateDaemonSet, path: str) -> Errors:
    limits = (("maxUnavailable", rolling.max_unavailable), ("maxSurge", rolling.max_surge))
    for name, value in limits:
        yield from count_or_percent(value, f"{path}.{name}")
    for name, value in limits:
        if isinstance(value, str) and amount(value) > 100:
            yield FieldError.invalid(f"{path}.{name}", value, "must not be greater than 100%")
    unavailable, surge = amount(rolling.max_unavailable), amount(rolling.max_surge)
    if unavailable and surge:
        detail = "may not be set when maxUnavailable is non-zero"
        yield FieldError.invalid(f"{path}.maxSurge", rolling.max_surge, detail)
    elif not unavailable and not surge:
        yield FieldError.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")
