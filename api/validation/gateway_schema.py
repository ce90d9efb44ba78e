"""What the schemas of the Gateway API ask of single values (upstream: its definitions' OpenAPI schemas).

The errors are those of schema validation: a custom resource's, not a built-in kind's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from api.errors import FieldError
from api.types import Condition, GatewayParentReference
from api.validation.checks import Errors

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
SUBDOMAIN = f"^{_SUBDOMAIN}$"
HOSTNAME = rf"^(\*\.)?{_SUBDOMAIN}$"
_GROUP = f"^$|^{_SUBDOMAIN}$"
_KIND = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"
_NAMESPACE = f"^{_LABEL}$"
CONTROLLER = rf"^{_SUBDOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"
HEADER = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$"
DURATION = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"
KEY = rf"^({_SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]$"
_CONDITION_TYPE = rf"^({_SUBDOMAIN}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
_CONDITION_REASON = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
_PORTS = (1, 65535)


def text(value: str, path: str, *, pattern: str = "", most: int = 0, needed: bool = True) -> Errors:
    """needed: whether it may not be empty. most: characters."""
    if not value and needed:
        yield FieldError.required(path)
        return
    if most and len(value) > most:
        yield FieldError.too_long(path, most)
    # Python's "$" lets a line end follow.
    if pattern and not re.search(rf"{pattern.removesuffix('$')}\Z", value):
        yield FieldError.invalid(path, value, f"{path} in body should match '{pattern}'")


def optional(value: str | None, path: str, *, pattern: str = "", most: int = 0) -> Errors:
    """A value that may be absent, but not empty."""
    if value == "":
        yield FieldError.invalid(path, value, f"{path} in body should be at least 1 chars long")
    elif value is not None:
        yield from text(value, path, pattern=pattern, most=most)


def between(value: int | None, path: str, least: int, most: int | None) -> Errors:
    if value is None:
        return
    if value < least:
        yield FieldError.invalid(path, value, f"{path} in body should be greater than or equal to {least}")
    if most is not None and value > most:
        yield FieldError.invalid(path, value, f"{path} in body should be less than or equal to {most}")


def port(value: int | None, path: str) -> Errors:
    yield from between(value, path, *_PORTS)


def enumerated(value: str | None, path: str, supported: Sequence[str]) -> Errors:
    if value is not None and value not in supported:
        yield FieldError.not_supported(path, value, supported)


def at_most(items: Sequence[Any], path: str, most: int) -> Errors:
    if len(items) > most:
        yield FieldError.too_many(path, len(items), most)


def keyed(keys: Iterable[str], path: str, key: str) -> Errors:
    """The keys of a list that is a map: each is there once."""
    seen: set[str] = set()
    for index, each in enumerate(keys):
        if each in seen:
            yield FieldError.duplicate(f"{path}[{index}]", {key: each})
        seen.add(each)


def rule(holds: bool, path: str, message: str, *, value: object = "object") -> Errors:
    """A rule about several fields (x-kubernetes-validations). value: what the error shows, for most its type."""
    if not holds:
        yield FieldError.invalid(path, value, message)


def group(value: str | None, path: str) -> Errors:
    if value is not None:
        yield from text(value, path, pattern=_GROUP, most=253, needed=False)


def kind(value: str | None, path: str) -> Errors:
    yield from optional(value, path, pattern=_KIND, most=63)


def name(value: str, path: str) -> Errors:
    yield from text(value, path, most=253)


def namespace(value: str | None, path: str) -> Errors:
    yield from optional(value, path, pattern=_NAMESPACE, most=63)


def section(value: str | None, path: str) -> Errors:
    yield from optional(value, path, pattern=SUBDOMAIN, most=253)


def hostname(value: str | None, path: str, *, pattern: str = HOSTNAME) -> Errors:
    yield from optional(value, path, pattern=pattern, most=253)


def object_name(group_value: str, kind_value: str, name_value: str, path: str) -> Errors:
    """A reference whose group may be empty but must be said."""
    yield from group(group_value, f"{path}.group")
    yield from text(kind_value, f"{path}.kind", pattern=_KIND, most=63)
    yield from name(name_value, f"{path}.name")


def parent(reference: GatewayParentReference, path: str) -> Errors:
    yield from group(reference.group, f"{path}.group")
    yield from kind(reference.kind, f"{path}.kind")
    yield from namespace(reference.namespace, f"{path}.namespace")
    yield from name(reference.name, f"{path}.name")
    yield from section(reference.section_name, f"{path}.sectionName")
    yield from port(reference.port, f"{path}.port")


def conditions(given: Sequence[Condition], path: str) -> Errors:
    yield from at_most(given, path, 8)
    yield from keyed((each.type for each in given), path, "type")
    for index, each in enumerate(given):
        where = f"{path}[{index}]"
        if each.last_transition_time is None:
            yield FieldError.required(f"{where}.lastTransitionTime")
        yield from text(each.message, f"{where}.message", most=32768, needed=False)
        yield from between(each.observed_generation, f"{where}.observedGeneration", 0, None)
        yield from text(each.reason, f"{where}.reason", pattern=_CONDITION_REASON, most=1024)
        yield from enumerated(each.status, f"{where}.status", ("True", "False", "Unknown"))
        yield from text(each.type, f"{where}.type", pattern=_CONDITION_TYPE, most=316)
