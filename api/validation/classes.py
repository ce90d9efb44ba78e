"""Priority classes and runtime classes."""

from __future__ import annotations

from typing import Final

from api import names
from api.errors import FieldError
from api.priorities import HIGHEST_USER_PRIORITY, SYSTEM_PREFIX, SYSTEM_PRIORITIES
from api.types import PriorityClass, RuntimeClass
from api.validation import metadata, resources, scheduling
from api.validation.checks import Errors, immutable, one_of, well_formed

_POLICIES: Final = ("PreemptLowerPriority", "Never")


def priority_class(priority_class: PriorityClass) -> Errors:
    name = priority_class.metadata.name
    if name.startswith(SYSTEM_PREFIX):
        problem = _not_the_system(priority_class)
        if problem:
            reserved = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only"
            yield FieldError.forbidden("metadata.name", f"{reserved}. error: {problem}")
    elif priority_class.value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        yield FieldError.forbidden("value", detail)
    if priority_class.preemption_policy is not None:
        yield from one_of(priority_class.preemption_policy, "preemptionPolicy", _POLICIES)


def priority_class_update(new: PriorityClass, old: PriorityClass) -> Errors:
    """Pods carry what the class said when they were made: neither number nor policy may change."""
    if new.value != old.value:
        yield FieldError.forbidden("value", "may not be changed in an update.")
    yield from immutable(new.preemption_policy, old.preemption_policy, "preemptionPolicy")


def runtime_class(runtime_class: RuntimeClass) -> Errors:
    yield from well_formed(runtime_class.handler, "handler", names.dns1123_label)
    if runtime_class.overhead is not None:
        yield from resources.overhead(runtime_class.overhead.pod_fixed, "overhead.podFixed")
    if runtime_class.scheduling is not None:
        placement = runtime_class.scheduling
        yield from metadata.labels(placement.node_selector, "scheduling.nodeSelector")
        yield from scheduling.tolerations(placement.tolerations, "scheduling.tolerations")
        for index, toleration in enumerate(placement.tolerations):
            if toleration in placement.tolerations[:index]:
                yield FieldError.duplicate(f"scheduling.tolerations[{index}]", toleration)


def runtime_class_update(new: RuntimeClass, old: RuntimeClass) -> Errors:
    yield from immutable(new.handler, old.handler, "handler")
    yield from runtime_class(new)


def _not_the_system(priority_class: PriorityClass) -> str:
    """Why this is none of the system's own classes; "" when it is one."""
    name = priority_class.metadata.name
    if name not in SYSTEM_PRIORITIES:
        return f"{name} is not a known system priority class"
    if priority_class.value != SYSTEM_PRIORITIES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_PRIORITIES[name]}"
    if priority_class.global_default:
        return f"globalDefault of {name} PriorityClass must be false"
    return ""
