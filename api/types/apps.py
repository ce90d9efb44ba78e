"""Deployments and ReplicaSets (apps/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_pod import PodTemplateSpec
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString, Time

PACKAGE = "apps/v1"


class RollingUpdateDeployment(Record, frozen=True, kw_only=True):
    """How many pods may be missing or surplus during a rollout."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class DeploymentStrategy(Record, frozen=True, kw_only=True):
    """How old pods are replaced by new ones."""

    rolling_update: RollingUpdateDeployment | None = None
    type: Annotated[str, Field(enum=("Recreate", "RollingUpdate"))] = ""


class DeploymentSpec(Record, frozen=True, kw_only=True):
    """What a Deployment should be."""

    min_ready_seconds: Int32 = 0
    paused: bool = False
    progress_deadline_seconds: Int32 | None = None
    replicas: Int32 | None = None
    revision_history_limit: Int32 | None = None
    selector: Annotated[LabelSelector | None, Field(required=True)] = always(None)
    strategy: Annotated[DeploymentStrategy, Field(patch_strategy="retainKeys")] = field(
        default_factory=DeploymentStrategy
    )
    template: Annotated[PodTemplateSpec, Field(required=True)] = field(default_factory=PodTemplateSpec)


class DeploymentCondition(Record, frozen=True, kw_only=True):
    """One aspect of a rollout: progressing, available, failing."""

    last_transition_time: Time | None = always(None)
    last_update_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class DeploymentStatus(Record, frozen=True, kw_only=True):
    """What is known about a Deployment's replicas."""

    available_replicas: Int32 = 0
    collision_count: Int32 | None = None
    conditions: Annotated[
        list[DeploymentCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    observed_generation: Int64 = 0
    ready_replicas: Int32 = 0
    replicas: Int32 = 0
    terminating_replicas: Int32 | None = None
    unavailable_replicas: Int32 = 0
    updated_replicas: Int32 = 0


class Deployment(Record, frozen=True, kw_only=True):
    """Replicas of a pod, rolled out from one template to the next."""

    api_version: str = always("apps/v1")
    kind: str = always("Deployment")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: DeploymentSpec = field(default_factory=DeploymentSpec)
    status: DeploymentStatus = field(default_factory=DeploymentStatus)


class ReplicaSetSpec(Record, frozen=True, kw_only=True):
    """What a ReplicaSet should be."""

    min_ready_seconds: Int32 = 0
    replicas: Int32 | None = None
    selector: Annotated[LabelSelector | None, Field(required=True)] = always(None)
    template: PodTemplateSpec = field(default_factory=PodTemplateSpec)


class ReplicaSetCondition(Record, frozen=True, kw_only=True):
    """One aspect of a ReplicaSet's state."""

    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class ReplicaSetStatus(Record, frozen=True, kw_only=True):
    """What is known about a ReplicaSet's replicas."""

    available_replicas: Int32 = 0
    conditions: Annotated[
        list[ReplicaSetCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    fully_labeled_replicas: Int32 = 0
    observed_generation: Int64 = 0
    ready_replicas: Int32 = 0
    replicas: Annotated[Int32, Field(required=True)] = always(0)
    terminating_replicas: Int32 | None = None


class ReplicaSet(Record, frozen=True, kw_only=True):
    """A number of replicas of a pod."""

    api_version: str = always("apps/v1")
    kind: str = always("ReplicaSet")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ReplicaSetSpec = field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = field(default_factory=ReplicaSetStatus)
