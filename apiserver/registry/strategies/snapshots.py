"""Snapshots: served as upstream serves custom resources (apiextensions-apiserver's customresource strategy)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api.types import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent
from apiserver.registry.strategy import Strategy


class SnapshotStrategy(Strategy):
    """No status until one is written; updates name the version they change; any change but of metadata counts."""

    unconditional_update = False
    tracks_generation = True

    def prepare_create(self, record: VolumeSnapshot | VolumeSnapshotContent | VolumeSnapshotClass) -> Any:
        metadata = replace(record.metadata, generation=1)
        if isinstance(record, VolumeSnapshotClass):
            return replace(record, metadata=metadata)
        return replace(record, metadata=metadata, status=None)

    def prepare_status(self, new: Any, old: Any) -> Any:
        before = old.metadata
        metadata = replace(
            new.metadata,
            labels=before.labels,
            annotations=before.annotations,
            finalizers=before.finalizers,
            owner_references=before.owner_references,
        )
        return replace(new, spec=old.spec, metadata=metadata)

    def wanted(self, record: VolumeSnapshot | VolumeSnapshotContent | VolumeSnapshotClass) -> Any:
        if isinstance(record, VolumeSnapshotClass):
            return (record.driver, record.parameters, record.deletion_policy)
        return record.spec
