"""What steers a pod to a node: affinity, taints, tolerations, spreading (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import LabelSelector
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Time

PACKAGE = "core/v1"


class NodeSelectorRequirement(Record, frozen=True, kw_only=True):
    """One condition on a node's label or field."""

    key: Annotated[str, Field(required=True)] = always("")
    operator: Annotated[str, Field(required=True, enum=("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))] = always(
        ""
    )
    values: Annotated[list[str], Field(list_type="atomic")] = []


class NodeSelectorTerm(Record, frozen=True, kw_only=True):
    """Conditions a node must satisfy together; a term without any matches no node."""

    match_expressions: Annotated[list[NodeSelectorRequirement], Field(list_type="atomic")] = []
    match_fields: Annotated[list[NodeSelectorRequirement], Field(list_type="atomic")] = []


class PreferredSchedulingTerm(Record, frozen=True, kw_only=True):
    """A node selector term and how much it weighs."""

    preference: Annotated[NodeSelectorTerm, Field(required=True)] = field(default_factory=NodeSelectorTerm)
    weight: Annotated[Int32, Field(required=True)] = always(0)


class NodeSelector(Record, frozen=True, kw_only=True):
    """Terms of which a node must satisfy at least one."""

    node_selector_terms: Annotated[list[NodeSelectorTerm], Field(required=True, list_type="atomic")] = always_list()


class NodeAffinity(Record, frozen=True, kw_only=True):
    """Which nodes a pod must run on, and which it would rather run on."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredSchedulingTerm], Field(list_type="atomic")
    ] = []
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class PodAffinityTerm(Record, frozen=True, kw_only=True):
    """Pods, and the topology within which they count as near."""

    label_selector: LabelSelector | None = None
    match_label_keys: Annotated[list[str], Field(list_type="atomic")] = []
    mismatch_label_keys: Annotated[list[str], Field(list_type="atomic")] = []
    namespace_selector: LabelSelector | None = None
    namespaces: Annotated[list[str], Field(list_type="atomic")] = []
    topology_key: Annotated[str, Field(required=True)] = always("")


class WeightedPodAffinityTerm(Record, frozen=True, kw_only=True):
    """A pod affinity term and how much it weighs."""

    pod_affinity_term: Annotated[PodAffinityTerm, Field(required=True)] = field(default_factory=PodAffinityTerm)
    weight: Annotated[Int32, Field(required=True)] = always(0)


class PodAffinity(Record, frozen=True, kw_only=True):
    """Which other pods a pod wants to be near."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], Field(list_type="atomic")
    ] = []
    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], Field(list_type="atomic")
    ] = []


class PodAntiAffinity(Record, frozen=True, kw_only=True):
    """Which other pods a pod wants to be away from."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], Field(list_type="atomic")
    ] = []
    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], Field(list_type="atomic")
    ] = []


class Affinity(Record, frozen=True, kw_only=True):
    """All affinity rules of a pod."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class Taint(Record, frozen=True, kw_only=True):
    """What keeps pods off a node unless they tolerate it."""

    effect: Annotated[str, Field(required=True, enum=("NoSchedule", "PreferNoSchedule", "NoExecute"))] = always("")
    key: Annotated[str, Field(required=True)] = always("")
    time_added: Time | None = None
    value: str = ""


class Toleration(Record, frozen=True, kw_only=True):
    """Taints a pod puts up with."""

    effect: Annotated[str, Field(enum=("NoSchedule", "PreferNoSchedule", "NoExecute"))] = ""
    key: str = ""
    operator: Annotated[str, Field(enum=("Exists", "Equal", "Lt", "Gt"))] = ""
    toleration_seconds: Int64 | None = None
    value: str = ""


class TopologySpreadConstraint(Record, frozen=True, kw_only=True):
    """How evenly matching pods are spread over a topology."""

    label_selector: LabelSelector | None = None
    match_label_keys: Annotated[list[str], Field(list_type="atomic")] = []
    max_skew: Annotated[Int32, Field(required=True)] = always(0)
    min_domains: Int32 | None = None
    node_affinity_policy: Annotated[str | None, Field(enum=("Ignore", "Honor"))] = None
    node_taints_policy: Annotated[str | None, Field(enum=("Ignore", "Honor"))] = None
    topology_key: Annotated[str, Field(required=True)] = always("")
    when_unsatisfiable: Annotated[str, Field(required=True, enum=("DoNotSchedule", "ScheduleAnyway"))] = always("")


class TopologySelectorLabelRequirement(Record, frozen=True, kw_only=True):
    """A node label and its possible values."""

    key: Annotated[str, Field(required=True)] = always("")
    values: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()


class TopologySelectorTerm(Record, frozen=True, kw_only=True):
    """Requirements a topology must meet, all of them."""

    match_label_expressions: Annotated[list[TopologySelectorLabelRequirement], Field(list_type="atomic")] = []
