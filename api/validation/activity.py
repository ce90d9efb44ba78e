"""Events, Leases and scales."""

from __future__ import annotations

from api import names
from api.errors import FieldError
from api.event_conversion import to_core
from api.types import Event, EventsV1Event, Lease, Scale
from api.validation import metadata
from api.validation.checks import Errors, immutable, non_negative, well_formed

_MAX_WORD = 128
_MAX_NOTE = 1024
_CONTROLLER = "reportingController"
_NOT_OWN_NAMESPACE = "does not match event.namespace"
_KEPT = (
    ("involvedObject", "involved_object"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("firstTimestamp", "first_timestamp"),
    ("lastTimestamp", "last_timestamp"),
    ("count", "count"),
    ("type", "type"),
    ("eventTime", "event_time"),
    ("action", "action"),
    ("related", "related"),
    (_CONTROLLER, "reporting_component"),
    ("reportingInstance", "reporting_instance"),
)


def event(event: Event, controller_field: str = "reportingComponent") -> Errors:
    """Events of the core group: old clients' events have no eventTime and are checked for little."""
    if event.event_time is None:
        yield from _old_namespace(event)
    else:
        yield from _new_event(event, controller_field)
    yield from well_formed(event.metadata.namespace, "namespace", names.dns1123_subdomain)


def grouped_event(given: EventsV1Event) -> Errors:
    """Events written through events.k8s.io/v1 must be complete."""
    core = to_core(given)
    yield from event(core, _CONTROLLER)
    checked = metadata.object_meta(core.metadata, namespaced=True, check_name=names.dns1123_subdomain)
    yield from checked
    yield from _series(core)
    if core.event_time is None:
        yield FieldError.required("eventTime")
    if core.type not in ("Normal", "Warning"):
        yield FieldError.invalid("type", "", f"has invalid value: {core.type}")
    deprecated = (
        ("firstTimestamp", core.first_timestamp),
        ("lastTimestamp", core.last_timestamp),
        ("count", core.count),
        ("source", core.source.component or core.source.host),
    )
    for json_name, value in deprecated:
        if value:
            yield FieldError.invalid(json_name, "", "needs to be unset")


def grouped_event_update(new: EventsV1Event, old: EventsV1Event) -> Errors:
    after, before = to_core(new), to_core(old)
    yield from event(after, _CONTROLLER)
    if after.series != before.series:
        yield from _series(after)
    for json_name, name in _KEPT:
        yield from immutable(getattr(after, name), getattr(before, name), json_name)


def _old_namespace(event: Event) -> Errors:
    namespace, involved = event.metadata.namespace, event.involved_object.namespace
    agrees = namespace == involved if involved else namespace in ("", "default")
    if not agrees:
        yield FieldError.invalid("involvedObject.namespace", involved, _NOT_OWN_NAMESPACE)


def _new_event(event: Event, controller_field: str) -> Errors:
    if not event.involved_object.namespace and event.metadata.namespace not in ("default", "kube-system"):
        yield FieldError.invalid("involvedObject.namespace", "", _NOT_OWN_NAMESPACE)
    if not event.reporting_component:
        yield FieldError.required(controller_field)
    yield from well_formed(event.reporting_component, controller_field, names.qualified_name)
    words = (
        ("reportingInstance", event.reporting_instance),
        ("action", event.action),
        ("reason", event.reason),
    )
    for json_name, value in words:
        if not value:
            yield FieldError.required(json_name)
        if len(value) > _MAX_WORD:
            yield FieldError.invalid(json_name, "", f"can have at most {_MAX_WORD} characters")
    if len(event.message) > _MAX_NOTE:
        yield FieldError.invalid("message", "", f"can have at most {_MAX_NOTE} characters")


def _series(event: Event) -> Errors:
    if event.series is None:
        return
    if event.series.count < 2:
        yield FieldError.invalid("series.count", "", "should be at least 2")
    if event.series.last_observed_time is None:
        yield FieldError.required("series.lastObservedTime")


def lease(lease: Lease) -> Errors:
    spec = lease.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        yield FieldError.invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0")
    yield from non_negative(spec.lease_transitions, "spec.leaseTransitions")
    if spec.strategy is not None:
        if "/" in spec.strategy:
            yield from well_formed(spec.strategy, "spec.strategy.strategy", names.qualified_name)
        elif spec.strategy != "OldestEmulationVersion":
            yield FieldError.not_supported("spec.strategy.strategy", spec.strategy, ("OldestEmulationVersion",))
    if spec.preferred_holder and not spec.strategy:
        yield FieldError.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined")


def scale(scale: Scale) -> Errors:
    yield from non_negative(scale.spec.replicas, "spec.replicas")
