"""ReplicationControllers (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_pod import PodTemplateSpec
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, Time

PACKAGE = "core/v1"


class ReplicationControllerSpec(Record, frozen=True, kw_only=True):
    """What a ReplicationController should be."""

    min_ready_seconds: Annotated[Int32, Field(default=0)] = 0
    replicas: Annotated[Int32 | None, Field(default=1)] = None
    selector: Annotated[dict[str, str], Field(map_type="atomic")] = {}
    template: PodTemplateSpec | None = None


class ReplicationControllerCondition(Record, frozen=True, kw_only=True):
    """One aspect of a ReplicationController's state."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class ReplicationControllerStatus(Record, frozen=True, kw_only=True):
    """What is known about a ReplicationController's replicas."""

    available_replicas: Int32 = 0
    conditions: Annotated[
        list[ReplicationControllerCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    fully_labeled_replicas: Int32 = 0
    observed_generation: Int64 = 0
    ready_replicas: Int32 = 0
    replicas: Annotated[Int32, Field(required=True)] = always(0)


class ReplicationController(Record, frozen=True, kw_only=True):
    """A number of replicas of a pod, selected by plain labels."""

    api_version: str = always("v1")
    kind: str = always("ReplicationController")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ReplicationControllerSpec = field(default_factory=ReplicationControllerSpec)
    status: ReplicationControllerStatus = field(default_factory=ReplicationControllerStatus)
