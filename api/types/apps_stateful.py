"""StatefulSets and the revisions of workloads (apps/v1)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import field

from api.types.core_claim import PersistentVolumeClaim
from api.types.core_pod import PodTemplateSpec
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString, Time

PACKAGE = "apps/v1"


class StatefulSetOrdinals(Record, frozen=True, kw_only=True):
    """Where the numbering of pods starts."""

    start: Int32 = always(0)


class StatefulSetPersistentVolumeClaimRetentionPolicy(Record, frozen=True, kw_only=True):
    """What becomes of claims when the set is deleted or shrinks."""

    when_deleted: str = ""
    when_scaled: str = ""


class RollingUpdateStatefulSetStrategy(Record, frozen=True, kw_only=True):
    """How many pods are replaced at a time, and from which ordinal on."""

    max_unavailable: IntOrString | None = None
    partition: Int32 | None = None


class StatefulSetUpdateStrategy(Record, frozen=True, kw_only=True):
    """How pods are brought to a new template."""

    rolling_update: RollingUpdateStatefulSetStrategy | None = None
    type: Annotated[str, Field(enum=("RollingUpdate", "OnDelete"))] = ""


class StatefulSetSpec(Record, frozen=True, kw_only=True):
    """What a StatefulSet should be."""

    min_ready_seconds: Int32 = 0
    ordinals: StatefulSetOrdinals | None = None
    persistent_volume_claim_retention_policy: StatefulSetPersistentVolumeClaimRetentionPolicy | None = None
    pod_management_policy: Annotated[str, Field(enum=("OrderedReady", "Parallel"))] = ""
    replicas: Int32 | None = None
    revision_history_limit: Int32 | None = None
    selector: Annotated[LabelSelector | None, Field(required=True)] = always(None)
    service_name: str = always("")
    template: Annotated[PodTemplateSpec, Field(required=True)] = field(default_factory=PodTemplateSpec)
    update_strategy: StatefulSetUpdateStrategy = field(default_factory=StatefulSetUpdateStrategy)
    volume_claim_templates: Annotated[list[PersistentVolumeClaim], Field(list_type="atomic")] = []


class StatefulSetCondition(Record, frozen=True, kw_only=True):
    """One aspect of a StatefulSet's state."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class StatefulSetStatus(Record, frozen=True, kw_only=True):
    """What is known about a StatefulSet's pods."""

    available_replicas: Int32 = always(0)
    collision_count: Int32 | None = None
    conditions: Annotated[
        list[StatefulSetCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    current_replicas: Int32 = 0
    current_revision: str = ""
    observed_generation: Int64 = 0
    ready_replicas: Int32 = 0
    replicas: Annotated[Int32, Field(required=True)] = always(0)
    update_revision: str = ""
    updated_replicas: Int32 = 0


class StatefulSet(Record, frozen=True, kw_only=True):
    """Pods with lasting names, each with storage of its own."""

    api_version: str = always("apps/v1")
    kind: str = always("StatefulSet")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: StatefulSetSpec = field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = field(default_factory=StatefulSetStatus)


class ControllerRevision(Record, frozen=True, kw_only=True):
    """An immutable snapshot of a workload's template."""

    api_version: str = always("apps/v1")
    kind: str = always("ControllerRevision")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    data: Any = None
    revision: Annotated[Int64, Field(required=True)] = always(0)
