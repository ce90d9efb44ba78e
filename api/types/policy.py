"""Disruption budgets and the evictions they bound (policy/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import Condition, DeleteOptions, LabelSelector, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString, Time

PACKAGE = "policy/v1"


class Eviction(Record, frozen=True, kw_only=True):
    """Asks to delete a pod, unless a disruption budget forbids it."""

    api_version: str = always("policy/v1")
    kind: str = always("Eviction")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    delete_options: DeleteOptions | None = None


class PodDisruptionBudgetSpec(Record, frozen=True, kw_only=True):
    """How many pods must stay, or may be missing."""

    max_unavailable: IntOrString | None = None
    min_available: IntOrString | None = None
    selector: Annotated[LabelSelector | None, Field(patch_strategy="replace")] = None
    unhealthy_pod_eviction_policy: Annotated[str | None, Field(enum=("IfHealthyBudget", "AlwaysAllow"))] = None


class PodDisruptionBudgetStatus(Record, frozen=True, kw_only=True):
    """How many more pods may be disrupted now."""

    conditions: Annotated[
        list[Condition], Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type")
    ] = []
    current_healthy: Int32 = always(0)
    desired_healthy: Int32 = always(0)
    disrupted_pods: dict[str, Time] = {}
    disruptions_allowed: Int32 = always(0)
    expected_pods: Int32 = always(0)
    observed_generation: Int64 = 0


class PodDisruptionBudget(Record, frozen=True, kw_only=True):
    """A bound on how many pods are disrupted voluntarily at once."""

    api_version: str = always("policy/v1")
    kind: str = always("PodDisruptionBudget")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodDisruptionBudgetSpec = field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = field(default_factory=PodDisruptionBudgetStatus)
