"""DaemonSets (apps/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_pod import PodTemplateSpec
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString, Time

PACKAGE = "apps/v1"


class RollingUpdateDaemonSet(Record, frozen=True, kw_only=True):
    """How many nodes may lack a pod, or have two, during an update."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class DaemonSetUpdateStrategy(Record, frozen=True, kw_only=True):
    """How pods are brought to a new template."""

    rolling_update: RollingUpdateDaemonSet | None = None
    type: Annotated[str, Field(enum=("RollingUpdate", "OnDelete"))] = ""


class DaemonSetSpec(Record, frozen=True, kw_only=True):
    """What a DaemonSet should be."""

    min_ready_seconds: Int32 = 0
    revision_history_limit: Int32 | None = None
    selector: Annotated[LabelSelector | None, Field(required=True)] = always(None)
    template: Annotated[PodTemplateSpec, Field(required=True)] = field(default_factory=PodTemplateSpec)
    update_strategy: DaemonSetUpdateStrategy = field(default_factory=DaemonSetUpdateStrategy)


class DaemonSetCondition(Record, frozen=True, kw_only=True):
    """One aspect of a DaemonSet's state."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class DaemonSetStatus(Record, frozen=True, kw_only=True):
    """What is known about a DaemonSet's pods."""

    collision_count: Int32 | None = None
    conditions: Annotated[
        list[DaemonSetCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    current_number_scheduled: Annotated[Int32, Field(required=True)] = always(0)
    desired_number_scheduled: Annotated[Int32, Field(required=True)] = always(0)
    number_available: Int32 = 0
    number_misscheduled: Annotated[Int32, Field(required=True)] = always(0)
    number_ready: Annotated[Int32, Field(required=True)] = always(0)
    number_unavailable: Int32 = 0
    observed_generation: Int64 = 0
    updated_number_scheduled: Int32 = 0


class DaemonSet(Record, frozen=True, kw_only=True):
    """A pod on each node."""

    api_version: str = always("apps/v1")
    kind: str = always("DaemonSet")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: DaemonSetSpec = field(default_factory=DaemonSetSpec)
    status: DaemonSetStatus = field(default_factory=DaemonSetStatus)
