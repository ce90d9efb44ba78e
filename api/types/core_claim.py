"""Claims for persistent storage (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_volume import PersistentVolumeClaimSpec
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Quantity, Time

PACKAGE = "core/v1"


class PersistentVolumeClaimCondition(Record, frozen=True, kw_only=True):
    """One aspect of a claim's state."""

    last_probe_time: Time | None = always(None)
    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class ModifyVolumeStatus(Record, frozen=True, kw_only=True):
    """How far a change of the volume's attributes class is."""

    status: Annotated[str, Field(required=True, enum=("Pending", "InProgress", "Infeasible"))] = always("")
    target_volume_attributes_class_name: str = ""


class PersistentVolumeClaimStatus(Record, frozen=True, kw_only=True):
    """What a claim was given."""

    access_modes: Annotated[
        list[str],
        Field(enum=("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"), list_type="atomic"),
    ] = []
    allocated_resource_statuses: Annotated[dict[str, str], Field(map_type="granular")] = {}
    allocated_resources: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: Annotated[
        list[PersistentVolumeClaimCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    current_volume_attributes_class_name: str | None = None
    modify_volume_status: ModifyVolumeStatus | None = None
    phase: Annotated[str, Field(enum=("Pending", "Bound", "Lost"))] = ""


class PersistentVolumeClaim(Record, frozen=True, kw_only=True):
    """A request for storage that outlives pods."""

    api_version: str = always("v1")
    kind: str = always("PersistentVolumeClaim")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PersistentVolumeClaimSpec = field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = field(default_factory=PersistentVolumeClaimStatus)
