"""The kinds of snapshot.storage.k8s.io: what the schemas and rules of upstream's custom resource definitions ask."""

from __future__ import annotations

from typing import Any

import msgspec

from api.errors import FieldError
from api.types import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent
from api.types.record import Record
from api.validation.checks import Errors, one_of, required

_POLICIES = ("Delete", "Retain")


def volume_snapshot_class(snapshot_class: VolumeSnapshotClass) -> Errors:
    yield from one_of(snapshot_class.deletion_policy, "deletionPolicy", _POLICIES)
    yield from required(snapshot_class.driver, "driver")


def volume_snapshot(snapshot: VolumeSnapshot) -> Errors:
    source = snapshot.spec.source
    yield from _exactly_one(source, "persistentVolumeClaimName", "volumeSnapshotContentName", order=-1)
    yield from _class_name(snapshot.spec.volume_snapshot_class_name)


def volume_snapshot_update(new: VolumeSnapshot, old: VolumeSnapshot) -> Errors:
    yield from volume_snapshot(new)
    yield from _source_kept(new.spec.source, old.spec.source)


def volume_snapshot_content(content: VolumeSnapshotContent) -> Errors:
    spec = content.spec
    yield from one_of(spec.deletion_policy, "spec.deletionPolicy", _POLICIES)
    yield from required(spec.driver, "spec.driver")
    yield from _exactly_one(spec.source, "volumeHandle", "snapshotHandle")
    yield from _class_name(spec.volume_snapshot_class_name)
    reference = spec.volume_snapshot_ref
    if not reference.name or not reference.namespace:
        detail = "both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set"
        yield FieldError.invalid("spec.volumeSnapshotRef", msgspec.to_builtins(reference), detail)


def volume_snapshot_content_update(new: VolumeSnapshotContent, old: VolumeSnapshotContent) -> Errors:
    yield from volume_snapshot_content(new)
    yield from _source_kept(new.spec.source, old.spec.source)
    before, after = old.spec.source_volume_mode, new.spec.source_volume_mode
    if before is not None and after is None:
        yield FieldError.invalid("spec", msgspec.to_builtins(new.spec), "sourceVolumeMode is required once set")
    elif before is not None and after != before:
        yield FieldError.invalid("spec.sourceVolumeMode", after, "sourceVolumeMode is immutable")


def volume_snapshot_content_status(new: VolumeSnapshotContent, old: VolumeSnapshotContent) -> Errors:
    size = None if new.status is None else new.status.restore_size
    if size is not None and size < 0:
        yield FieldError.invalid("status.restoreSize", size, "should be greater than or equal to 0")


def _exactly_one(source: Record, *names: str, order: int = 1) -> Errors:
    """order: in which upstream's text names the two."""
    tree: dict[str, Any] = msgspec.to_builtins(source)
    if len(tree) != 1:
        detail = f"exactly one of {' and '.join(names[::order])} must be set"
        yield FieldError.invalid("spec.source", tree, detail)


def _source_kept(new: Record, old: Record) -> Errors:
    after: dict[str, Any] = msgspec.to_builtins(new)
    before: dict[str, Any] = msgspec.to_builtins(old)
    for name, value in before.items():
        if name not in after:
            yield FieldError.invalid("spec.source", after, f"{name} is required once set")
        elif after[name] != value:
            yield FieldError.invalid(f"spec.source.{name}", after[name], f"{name} is immutable")


def _class_name(name: str | None) -> Errors:
    if name == "":
        detail = "volumeSnapshotClassName must not be the empty string when set"
        yield FieldError.invalid("spec.volumeSnapshotClassName", name, detail)
