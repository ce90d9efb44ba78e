"""Which nodes should run a DaemonSet's pod. Pure.

Source: Kubernetes' documentation, DaemonSet; upstream's NodeShouldRunDaemonPod. Room on the node is not asked for: that
is the scheduler's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from api.types import (
    Affinity,
    DaemonSet,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from controllers.node_lifecycle.eviction import tolerates

NAME_FIELD = "metadata.name"
NO_EXECUTE, NO_SCHEDULE = "NoExecute", "NoSchedule"

# Daemons run on nodes that others must leave or keep away from (upstream: AddOrUpdateDaemonPodTolerations).
_TOLERATED = (
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
)
_NETWORK_UNAVAILABLE = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE)


@dataclass(frozen=True, slots=True)
class Fit:
    """should_run: a pod is to be made where there is none; should_continue: one that is there may stay."""

    should_run: bool
    should_continue: bool


class Rules:
    """A DaemonSet's template as a question to nodes."""

    def __init__(self, daemon_set: DaemonSet) -> None:
        spec = daemon_set.spec.template.spec
        self._node_name = spec.node_name
        self._labels = spec.node_selector.items()
        self._terms = _required_terms(spec)
        self._tolerations = tolerations(spec)

    def fit(self, node: Node) -> Fit:
        if self._node_name not in ("", node.metadata.name) or not self._selects(node):
            return Fit(False, False)
        refusing = {
            taint.effect
            for taint in node.spec.taints
            if taint.effect in (NO_EXECUTE, NO_SCHEDULE)
            and not any(tolerates(each, taint) for each in self._tolerations)
        }
        return Fit(not refusing, NO_EXECUTE not in refusing)

    def _selects(self, node: Node) -> bool:
        if not self._labels <= node.metadata.labels.items():
            return False
        return self._terms is None or any(_term_matches(term, node) for term in self._terms)


def tolerations(spec: PodSpec) -> list[Toleration]:
    """The template's tolerations and those every daemon has."""
    wanted = [*_TOLERATED, *([_NETWORK_UNAVAILABLE] if spec.host_network else [])]
    added = [Toleration(key=key, operator="Exists", effect=effect) for key, effect in wanted]
    keys = {(each.key, each.effect) for each in added}
    kept = [
        each
        for each in spec.tolerations
        if not (each.operator == "Exists" and not each.value and (each.key, each.effect) in keys)
    ]
    return kept + added


def pinned(affinity: Affinity | None, node_name: str) -> Affinity:
    """The template's affinity, but for this node alone: its own node terms have had their say."""
    requirement = NodeSelectorRequirement(key=NAME_FIELD, operator="In", values=[node_name])
    selector = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_fields=[requirement])])
    affinity = affinity or Affinity()
    on_nodes = affinity.node_affinity or NodeAffinity()
    on_nodes = replace(on_nodes, required_during_scheduling_ignored_during_execution=selector)
    return replace(affinity, node_affinity=on_nodes)


def target_node(pod: Pod) -> str:
    """The node the pod is on or meant for; empty when it says neither."""
    if pod.spec.node_name:
        return pod.spec.node_name
    for term in _required_terms(pod.spec) or ():
        for requirement in term.match_fields:
            if requirement.key == NAME_FIELD and requirement.operator == "In" and len(requirement.values) == 1:
                return requirement.values[0]
    return ""


def _required_terms(spec: PodSpec) -> Sequence[NodeSelectorTerm] | None:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return None if required is None else required.node_selector_terms


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    """All requirements hold; a term without any matches no node."""
    if not term.match_expressions and not term.match_fields:
        return False
    labels, fields = node.metadata.labels, {NAME_FIELD: node.metadata.name}
    return all(_holds(each, labels.get(each.key)) for each in term.match_expressions) and all(
        _holds(each, fields.get(each.key)) for each in term.match_fields
    )


def _holds(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return _compare(value, requirement) > 0
        case _:
            return _compare(value, requirement) < 0


def _compare(value: str | None, requirement: NodeSelectorRequirement) -> int:
    """Above 0 when the value is greater than the requirement's, below when it is less, 0 when they do not compare."""
    try:
        return int(value or "") - int(requirement.values[0] if requirement.values else "")
    except ValueError:
        return 0
