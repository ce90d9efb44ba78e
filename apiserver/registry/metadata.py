"""The system's fields of metadata: who sets them, and when (upstream rest.BeforeCreate, BeforeUpdate). Pure."""

from __future__ import annotations

import functools
import os
import secrets
from typing import Any, Final

from msgspec.structs import replace

from api import errors, timestamps
from api.errors import FieldError
from api.scheme import Resource
from api.types import ObjectMeta

# Vowels and look-alikes are left out, so that no words come about (upstream utilrand).
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX: Final = 5
_MAX_NAME: Final = 63

_MODIFIED: Final = "the object has been modified; please apply your changes to the latest version and try again"


def in_namespace(record: Any, resource: Resource, namespace: str) -> Any:
    """The record in the request's namespace. Raises `BadRequest` when it names another one."""
    metadata: ObjectMeta = record.metadata
    if not resource.namespaced:
        namespace = ""
    if metadata.namespace == namespace:
        return record
    if metadata.namespace and resource.namespaced:
        raise errors.BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    return replace(record, metadata=replace(metadata, namespace=namespace))


def require_place(record: Any, resource: Resource) -> None:
    """Raise `BadRequest` or `Invalid` when an object to be created lacks a namespace or any kind of name."""
    metadata: ObjectMeta = record.metadata
    if resource.namespaced and not metadata.namespace:
        raise errors.BadRequest("an empty namespace may not be set during creation")
    if not metadata.name and not metadata.generate_name:
        problem = FieldError.required("metadata.name", "name or generateName is required")
        raise errors.Invalid(resource.group_kind, "", [problem])


def require_same_name(record: Any, name: str) -> Any:
    """The record with the name of the URL. Raises `BadRequest` when it has another one."""
    metadata: ObjectMeta = record.metadata
    if metadata.name == name:
        return record
    if metadata.name:
        raise errors.BadRequest(f"the name of the object ({metadata.name}) does not match the name on the URL ({name})")
    return replace(record, metadata=replace(metadata, name=name))


def generated_name(base: str) -> str:
    """A name from a generateName: the base, cut to fit, and five random characters."""
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))
    return base[: _MAX_NAME - _SUFFIX] + suffix


def created(metadata: ObjectMeta, name: str, now: float) -> ObjectMeta:
    """Metadata of a new object. Raises `StatusError` when it claims to have been stored before."""
    if metadata.resource_version not in ("", "0"):
        raise errors.StatusError("resourceVersion should not be set on objects to be created")
    return replace(
        metadata,
        name=name,
        resource_version="",
        uid=new_uid(),
        creation_timestamp=_second_text(int(now)),
        deletion_timestamp=None,
        deletion_grace_period_seconds=None,
        generation=0,
        self_link="",
    )


def new_uid() -> str:
    """A random UUID (version 4) as text."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


@functools.lru_cache(maxsize=2)
def _second_text(second: int) -> str:
    # Many objects are made in one second.
    return timestamps.now_text(second)


def updated(metadata: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """New metadata with what only the system may change taken over from the old one.

    Fields the client changed against the rules stay as they are, for validation to name them.
    """
    changes: dict[str, Any] = {}
    if metadata.resource_version:
        changes["resource_version"] = ""
    if metadata.self_link:
        changes["self_link"] = ""
    if metadata.generation != old.generation:
        changes["generation"] = old.generation
    if not metadata.uid:
        changes["uid"] = old.uid
    if not metadata.creation_timestamp:
        changes["creation_timestamp"] = old.creation_timestamp
    if old.deletion_timestamp and not metadata.deletion_timestamp:
        changes["deletion_timestamp"] = old.deletion_timestamp
    if old.deletion_grace_period_seconds is not None and metadata.deletion_grace_period_seconds is None:
        changes["deletion_grace_period_seconds"] = old.deletion_grace_period_seconds
    return replace(metadata, **changes) if changes else metadata


def check_update(resource: Resource, key: str, metadata: ObjectMeta, old: ObjectMeta, revision: int) -> None:
    """Raise `Conflict` when the update was meant for another revision or another object of the same name."""
    if metadata.uid and metadata.uid != old.uid:
        cause = (
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
            f"Precondition failed: UID in precondition: {metadata.uid}, UID in object meta: {old.uid}"
        )
        raise errors.Conflict(resource.group_resource, old.name, cause)
    if metadata.resource_version not in ("", "0", str(revision)):
        raise errors.Conflict(resource.group_resource, old.name, _MODIFIED)


def missing_resource_version(resource: Resource, name: str) -> errors.Invalid:
    """The refusal of an update without a revision for kinds that insist on one."""
    problem = FieldError.invalid("metadata.resourceVersion", 0, "must be specified for an update")
    return errors.Invalid(resource.group_kind, name, [problem])
