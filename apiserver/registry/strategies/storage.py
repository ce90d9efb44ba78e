"""Persistent volumes, claims and the kinds of storage.k8s.io (upstream: their registries' strategies)."""

from __future__ import annotations

import time
from typing import Any, Final

from msgspec.structs import replace

from api import timestamps
from api.types import (
    CSIDriver,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from apiserver.registry.strategy import Strategy

PENDING: Final = "Pending"
_SNAPSHOTS: Final = ("snapshot.storage.k8s.io", "VolumeSnapshot")


class StorageStrategy(Strategy):
    """A completed deletion answers the object."""

    returns_deleted = True


class PersistentVolumeStrategy(StorageStrategy):
    """`status.lastPhaseTransitionTime` is the server's to set."""

    def prepare_create(self, record: PersistentVolume) -> Any:
        return replace(record, status=PersistentVolumeStatus(phase=PENDING, last_phase_transition_time=_now()))

    def prepare_status(self, new: PersistentVolume, old: PersistentVolume) -> Any:
        prepared: PersistentVolume = super().prepare_status(new, old)
        if prepared.status.phase == old.status.phase:
            return prepared
        return replace(prepared, status=replace(prepared.status, last_phase_transition_time=_now()))


class PersistentVolumeClaimStrategy(StorageStrategy):
    """`dataSource` and `dataSourceRef` say the same in two ways: whichever is given fills the other."""

    def prepare_create(self, record: PersistentVolumeClaim) -> Any:
        spec = _with_both_sources(record.spec)
        return replace(record, spec=spec, status=PersistentVolumeClaimStatus(phase=PENDING))

    def prepare_update(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Any:
        prepared: PersistentVolumeClaim = super().prepare_update(new, old)
        spec = _with_both_sources(prepared.spec)
        return prepared if spec == prepared.spec else replace(prepared, spec=spec)


def _with_both_sources(spec: PersistentVolumeClaimSpec) -> PersistentVolumeClaimSpec:
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None and not _is_known(source):
        # Upstream drops what the older field never stood for.
        source = None
        spec = replace(spec, data_source=None)
    if source is not None and reference is None:
        same = TypedObjectReference(api_group=source.api_group, kind=source.kind, name=source.name)
        return replace(spec, data_source_ref=same)
    if source is None and reference is not None and not reference.namespace:
        local = TypedLocalObjectReference(api_group=reference.api_group, kind=reference.kind, name=reference.name)
        return replace(spec, data_source=local) if _is_known(local) else spec
    return spec


def _is_known(source: TypedLocalObjectReference) -> bool:
    group = source.api_group or ""
    return (group, source.kind) in (("", "PersistentVolumeClaim"), _SNAPSHOTS)


class CSIDriverStrategy(StorageStrategy):
    """Its generation counts changes that matter to what is mounted already."""

    tracks_generation = True

    def wanted(self, record: CSIDriver) -> Any:
        spec = record.spec
        return (spec.token_requests, spec.requires_republish)


def _now() -> str:
    return timestamps.now_text(time.time())
