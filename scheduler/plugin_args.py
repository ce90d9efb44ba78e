"""The arguments plugins take in a profile's pluginConfig, and the plugins made with them.

Source: upstream's kube-scheduler configuration v1 (NodeAffinityArgs, NodeResourcesFitArgs, ...), with its defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from api.types import NodeAffinity, TopologySpreadConstraint
from scheduler.framework import Plugin
from scheduler.plugins import (
    allocation,
    balanced_allocation,
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_fit,
    node_unschedulable,
    node_volume_limits,
    pod_topology_spread,
    taint_toleration,
    volume_binding,
    volume_restrictions,
    volume_zone,
)

Args = Mapping[str, Any]


class ArgumentError(Exception):
    """A plugin cannot work with its arguments; the message says why."""


class _Args(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    api_version: str = ""
    kind: str = ""


class NodeAffinityArgs(_Args, frozen=True, kw_only=True):
    added_affinity: NodeAffinity | None = None


class InterPodAffinityArgs(_Args, frozen=True, kw_only=True):
    hard_pod_affinity_weight: int = inter_pod_affinity.HARD_AFFINITY_WEIGHT
    ignore_preferred_terms_of_existing_pods: bool = False


class PodTopologySpreadArgs(_Args, frozen=True, kw_only=True):
    default_constraints: list[TopologySpreadConstraint] = []
    defaulting_type: str = "System"


class ResourceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    weight: int = 1


class UtilizationShapePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    utilization: int
    score: int


class RequestedToCapacityRatioParam(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    shape: list[UtilizationShapePoint] = []


class ScoringStrategy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    type: str = "LeastAllocated"
    resources: list[ResourceSpec] = []
    requested_to_capacity_ratio: RequestedToCapacityRatioParam | None = None


class NodeResourcesFitArgs(_Args, frozen=True, kw_only=True):
    ignored_resources: list[str] = []
    ignored_resource_groups: list[str] = []
    scoring_strategy: ScoringStrategy = ScoringStrategy()


class BalancedAllocationArgs(_Args, frozen=True, kw_only=True):
    resources: list[ResourceSpec] = []


class VolumeBindingArgs(_Args, frozen=True, kw_only=True):
    """How long a pod's volumes are waited for before it is tried again."""

    bind_timeout_seconds: int = 600
    shape: list[UtilizationShapePoint] = []


class DefaultPreemptionArgs(_Args, frozen=True, kw_only=True):
    """Bounds on how many nodes are looked at; accepted, but all are."""

    min_candidate_nodes_percentage: int = 10
    min_candidate_nodes_absolute: int = 100


A = TypeVar("A", bound=_Args)


def convert(args: Args, kind: type[A]) -> A:
    """Arguments of a kind. Raises ArgumentError."""
    try:
        return msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        raise ArgumentError(str(error)) from None


def _node_affinity(args: Args) -> Plugin:
    return node_affinity.plugin(convert(args, NodeAffinityArgs).added_affinity)


def _inter_pod_affinity(args: Args) -> Plugin:
    wanted = convert(args, InterPodAffinityArgs)
    if not 0 <= wanted.hard_pod_affinity_weight <= 100:
        raise ArgumentError("hardPodAffinityWeight: not in valid range [0, 100]")
    return inter_pod_affinity.plugin(
        wanted.hard_pod_affinity_weight, ignore_others=wanted.ignore_preferred_terms_of_existing_pods
    )


def _pod_topology_spread(args: Args) -> Plugin:
    wanted = convert(args, PodTopologySpreadArgs)
    if wanted.defaulting_type not in ("System", "List"):
        raise ArgumentError(f'defaultingType: "{wanted.defaulting_type}" is neither System nor List')
    if wanted.defaulting_type == "System":
        if wanted.default_constraints:
            raise ArgumentError("defaultConstraints: when .defaultingType is System, must be empty")
        return pod_topology_spread.plugin()
    if any(constraint.label_selector is not None for constraint in wanted.default_constraints):
        raise ArgumentError("defaultConstraints: constraint must not define a selector, as they deduced for each pod")
    return pod_topology_spread.plugin(
        [
            pod_topology_spread.Default(c.topology_key, c.max_skew, c.when_unsatisfiable == "DoNotSchedule")
            for c in wanted.default_constraints
        ]
    )


def _node_resources_fit(args: Args) -> Plugin:
    wanted = convert(args, NodeResourcesFitArgs)
    return node_resources_fit.plugin(
        _strategy(wanted.scoring_strategy),
        frozenset(wanted.ignored_resources),
        frozenset(wanted.ignored_resource_groups),
    )


def _strategy(wanted: ScoringStrategy) -> allocation.Strategy:
    resources = tuple((spec.name, spec.weight) for spec in wanted.resources) or allocation.BY_CPU_AND_MEMORY
    match wanted.type:
        case "LeastAllocated":
            return allocation.Strategy(allocation.least, resources)
        case "MostAllocated":
            return allocation.Strategy(allocation.most, resources)
        case "RequestedToCapacityRatio":
            param = wanted.requested_to_capacity_ratio or RequestedToCapacityRatioParam()
            points = [(point.utilization, point.score) for point in param.shape]
            if not points or points != sorted(points) or len({point[0] for point in points}) < len(points):
                raise ArgumentError("requestedToCapacityRatio.shape: points with growing utilization are needed")
            return allocation.Strategy(allocation.by_points(points), resources, counts_zero=False)
    raise ArgumentError(f'scoringStrategy.type: "{wanted.type}" is not a strategy')


def _balanced_allocation(args: Args) -> Plugin:
    wanted = convert(args, BalancedAllocationArgs)
    if not wanted.resources:
        return balanced_allocation.plugin()
    return balanced_allocation.plugin([spec.name for spec in wanted.resources])


def _volume_binding(args: Args) -> Plugin:
    if convert(args, VolumeBindingArgs).bind_timeout_seconds < 0:
        raise ArgumentError("bindTimeoutSeconds: invalid BindTimeoutSeconds, should not be a negative value")
    return volume_binding.PLUGIN


def _without_arguments(plugin: Plugin) -> Callable[[Args], Plugin]:
    def make(args: Args) -> Plugin:
        convert(args, _Args)
        return plugin

    return make


# In the order in which they filter (upstream: the default profile).
PLUGINS: Mapping[str, Callable[[Args], Plugin]] = {
    "NodeUnschedulable": _without_arguments(node_unschedulable.PLUGIN),
    "NodeName": _without_arguments(node_name.PLUGIN),
    "TaintToleration": _without_arguments(taint_toleration.PLUGIN),
    "NodeAffinity": _node_affinity,
    "NodePorts": _without_arguments(node_ports.PLUGIN),
    "NodeResourcesFit": _node_resources_fit,
    "VolumeRestrictions": _without_arguments(volume_restrictions.PLUGIN),
    "NodeVolumeLimits": _without_arguments(node_volume_limits.PLUGIN),
    "VolumeBinding": _volume_binding,
    "VolumeZone": _without_arguments(volume_zone.PLUGIN),
    "PodTopologySpread": _pod_topology_spread,
    "InterPodAffinity": _inter_pod_affinity,
    "NodeResourcesBalancedAllocation": _balanced_allocation,
    "ImageLocality": _without_arguments(image_locality.PLUGIN),
}
