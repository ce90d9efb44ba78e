"""What every object's metadata must satisfy (apimachinery `api/validation`, core's `ValidateObjectMeta`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from api import names
from api.errors import FieldError
from api.types import ManagedFieldsEntry, ObjectMeta, OwnerReference
from api.validation.checks import immutable

NameCheck = Callable[[str], list[str]]

MAX_ANNOTATIONS_BYTES = 256 * 1024
# No object's fields nest deeper.
MAX_FIELDS_DEPTH = 100
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_IMMUTABLE = (
    ("name", "name"),
    ("namespace", "namespace"),
    ("uid", "uid"),
    ("creationTimestamp", "creation_timestamp"),
    ("deletionTimestamp", "deletion_timestamp"),
    ("deletionGracePeriodSeconds", "deletion_grace_period_seconds"),
)


def object_meta(
    meta: ObjectMeta, *, namespaced: bool, check_name: NameCheck, path: str = "metadata"
) -> Iterator[FieldError]:
    """Metadata of a new object, after a generated name has been filled in."""
    if meta.generate_name:
        for message in check_name(_without_trailing_dash(meta.generate_name)):
            yield FieldError.invalid(f"{path}.generateName", meta.generate_name, message)
    if not meta.name:
        yield FieldError.required(f"{path}.name", "name or generateName is required")
    else:
        for message in check_name(meta.name):
            yield FieldError.invalid(f"{path}.name", meta.name, message)
    yield from _namespace(meta.namespace, namespaced, f"{path}.namespace")
    if meta.generation < 0:
        yield FieldError.invalid(f"{path}.generation", meta.generation, "must be greater than or equal to 0")
    yield from labels(meta.labels, f"{path}.labels")
    yield from annotations(meta.annotations, f"{path}.annotations")
    yield from owner_references(meta.owner_references, f"{path}.ownerReferences")
    yield from finalizers(meta.finalizers, f"{path}.finalizers")
    yield from managed_fields(meta.managed_fields, f"{path}.managedFields")


def object_meta_update(new: ObjectMeta, old: ObjectMeta, path: str = "metadata") -> Iterator[FieldError]:
    """Metadata of a changed object; the registry has dealt with resourceVersion."""
    if old.deletion_timestamp is not None:
        added = sorted(set(new.finalizers) - set(old.finalizers))
        if added:
            shown = ", ".join(f'"{name}"' for name in added)
            yield FieldError.forbidden(
                f"{path}.finalizers",
                "no new finalizers can be added if the object is being deleted,"
                f" found new finalizers []string{{{shown}}}",
            )
    if new.generation < old.generation:
        yield FieldError.invalid(f"{path}.generation", new.generation, "must not be decremented")
    for json_name, name in _IMMUTABLE:
        yield from immutable(getattr(new, name), getattr(old, name), f"{path}.{json_name}")
    yield from labels(new.labels, f"{path}.labels")
    yield from annotations(new.annotations, f"{path}.annotations")
    yield from owner_references(new.owner_references, f"{path}.ownerReferences")
    yield from finalizers(new.finalizers, f"{path}.finalizers")
    yield from managed_fields(new.managed_fields, f"{path}.managedFields")


def labels(values: Mapping[str, str], path: str) -> Iterator[FieldError]:
    for key, value in values.items():
        for message in names.qualified_name(key):
            yield FieldError.invalid(path, key, message)
        for message in names.label_value(value):
            yield FieldError.invalid(path, value, message)


def annotations(values: Mapping[str, str], path: str) -> Iterator[FieldError]:
    size = 0
    for key, value in values.items():
        for message in names.qualified_name(key.lower()):
            yield FieldError.invalid(path, key, message)
        size += len(key.encode()) + len(value.encode())
    if size > MAX_ANNOTATIONS_BYTES:
        yield FieldError.too_long(path, MAX_ANNOTATIONS_BYTES)


def owner_references(references: Sequence[OwnerReference], path: str) -> Iterator[FieldError]:
    controller = ""
    for reference in references:
        yield from _owner_reference(reference, path)
        if not reference.controller:
            continue
        current = f"{reference.kind}/{reference.name}"
        if controller:
            yield FieldError.invalid(
                path,
                list(references),
                'Only one reference can have Controller set to true. Found "true" in references for'
                f" {controller} and {current}",
            )
            # Told once: each telling holds the whole list.
            return
        else:
            controller = current


def _owner_reference(reference: OwnerReference, path: str) -> Iterator[FieldError]:
    if not reference.api_version.rpartition("/")[2]:
        yield FieldError.invalid(f"{path}.apiVersion", reference.api_version, "version must not be empty")
    for json_name, value in (("kind", reference.kind), ("name", reference.name), ("uid", reference.uid)):
        if not value:
            yield FieldError.invalid(f"{path}.{json_name}", value, "must not be empty")
    if (reference.api_version, reference.kind) == ("v1", "Event"):
        yield FieldError.invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner")


def finalizers(values: Sequence[str], path: str) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        yield from finalizer(value, f"{path}[{index}]", path)
    if "orphan" in values and "foregroundDeletion" in values:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        yield FieldError.invalid(path, list(values), detail)


def finalizer(value: str, indexed_path: str, path: str) -> Iterator[FieldError]:
    """A finalizer is qualified by a domain, or one of upstream's own three."""
    for message in names.qualified_name(value):
        yield FieldError.invalid(path, value, message)
    if "/" not in value and value not in _STANDARD_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        yield FieldError.invalid(indexed_path, value, detail)


def managed_fields(entries: Sequence[ManagedFieldsEntry], path: str) -> Iterator[FieldError]:
    """The one part of an object that is any JSON: it must not nest so deeply that readers could not take it apart."""
    for index, entry in enumerate(entries):
        level, depth = [entry.fields_v1], 0
        while level and depth <= MAX_FIELDS_DEPTH:
            level = [inner for value in level for inner in _inside(value)]
            depth += 1
        if level:
            detail = f"must not be nested more than {MAX_FIELDS_DEPTH} levels deep"
            yield FieldError.invalid(f"{path}[{index}].fieldsV1", entry.manager, detail)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _namespace(namespace: str, namespaced: bool, path: str) -> Iterator[FieldError]:
    if not namespaced:
        if namespace:
            yield FieldError.forbidden(path, "not allowed on this type")
    elif not namespace:
        yield FieldError.required(path)
    else:
        for message in names.dns1123_label(namespace):
            yield FieldError.invalid(path, namespace, message)


def _without_trailing_dash(prefix: str) -> str:
    """A prefix may end in "-" because more follows."""
    return f"{prefix[:-1]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
