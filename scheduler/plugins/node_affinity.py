"""Pods choose nodes by label: nodeSelector, required and preferred node affinity.

Source: Kubernetes' documentation, Assigning Pods to Nodes. Terms are alternatives, the requirements of one term all
hold; a term without requirements matches no node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from api.types import Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from scheduler.events import ClusterEvent, NodeChange
from scheduler.framework import Plugin, Rejection, Scores, normalized
from scheduler.pod_info import PodInfo
from scheduler.snapshot import LabelColumn, Snapshot
from scheduler.snapshot.nodes import NAME_FIELD, Mask, NodeTable

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ADDED = "node(s) didn't match scheduler-enforced node affinity"
REASON_NAMED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"


def is_constrained(pod: PodInfo) -> bool:
    """The pod asks for particular nodes."""
    return bool(pod.pod.spec.node_selector) or _required_terms(pod) is not None


def eligible_nodes(pod: PodInfo, snapshot: Snapshot) -> Mask:
    """The nodes that the pod's selector and required affinity allow."""
    nodes = snapshot.nodes
    eligible = nodes.present.copy()
    for key, value in pod.pod.spec.node_selector.items():
        column = nodes.label(key)
        eligible &= column.codes == column.code(value)
    terms = _required_terms(pod)
    if terms is not None:
        eligible &= _any_term(terms, nodes)
    return eligible


def matches_selector(selector: NodeSelector, nodes: NodeTable) -> Mask:
    """The nodes that one of a selector's terms matches."""
    return _any_term(selector.node_selector_terms, nodes)


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    if not is_constrained(pod):
        return []
    nodes = snapshot.nodes
    unmatched = nodes.present & ~eligible_nodes(pod, snapshot)
    names = _named_nodes(pod)
    if names is None:
        return [Rejection(REASON, unmatched, resolvable=False)]
    # Pods of a DaemonSet name their node: the others are not even looked at (upstream: PreFilterResult).
    unnamed = nodes.present.copy()
    unnamed[[slot for name in names if (slot := nodes.slot(name)) is not None]] = False
    return [Rejection(REASON_NAMED, unnamed, resolvable=False), Rejection(REASON, unmatched, resolvable=False)]


def score(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
    affinity = pod.pod.spec.affinity.node_affinity if pod.pod.spec.affinity else None
    total = np.zeros(snapshot.nodes.slots, dtype=np.float64)
    return normalized(total, feasible) if _add_preferences(total, affinity, snapshot) else None


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if not isinstance(event, NodeChange) or event.new is None:
        return False
    return _allows(pod, event.new) and (event.old is None or not _allows(pod, event.old))


def _add_preferences(total: Scores, affinity: NodeAffinity | None, snapshot: Snapshot) -> bool:
    """Add up the weights of the preferences each node meets, in place; whether there are any preferences."""
    preferences = affinity.preferred_during_scheduling_ignored_during_execution if affinity else []
    for preferred in preferences:
        if preferred.weight:
            total += preferred.weight * _term(preferred.preference, snapshot.nodes)
    return bool(preferences)


def _named_nodes(pod: PodInfo) -> set[str] | None:
    """The names to which every required term restricts the pod; None when one of them does not."""
    terms = _required_terms(pod)
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        wanted = [set(r.values) for r in term.match_fields if r.key == NAME_FIELD and r.operator == "In"]
        if not wanted:
            return None
        names |= set.intersection(*wanted)
    return names


def _allows(pod: PodInfo, node: Node) -> bool:
    table = Snapshot()
    table.put_node(node)
    return bool(eligible_nodes(pod, table).any())


def _required_terms(pod: PodInfo) -> list[NodeSelectorTerm] | None:
    affinity = pod.pod.spec.affinity
    if affinity is None or affinity.node_affinity is None:
        return None
    required = affinity.node_affinity.required_during_scheduling_ignored_during_execution
    return None if required is None else required.node_selector_terms


def _any_term(terms: list[NodeSelectorTerm], nodes: NodeTable) -> Mask:
    matched = np.zeros(nodes.slots, dtype=np.bool_)
    for term in terms:
        matched |= _term(term, nodes)
    return matched


def _term(term: NodeSelectorTerm, nodes: NodeTable) -> Mask:
    if not term.match_expressions and not term.match_fields:
        return np.zeros(nodes.slots, dtype=np.bool_)
    matched = nodes.present.copy()
    for requirement in term.match_expressions:
        matched &= _OPERATORS[requirement.operator](nodes.label(requirement.key), requirement)
    for requirement in term.match_fields:
        matched &= _matches_field(requirement, nodes)
    return matched


def _matches_field(requirement: NodeSelectorRequirement, nodes: NodeTable) -> Mask:
    named = np.zeros(nodes.slots, dtype=np.bool_)
    if requirement.key != NAME_FIELD:
        return named
    for name in requirement.values:
        slot = nodes.slot(name)
        if slot is not None:
            named[slot] = True
    return ~named if requirement.operator == "NotIn" else named


def _in(column: LabelColumn, requirement: NodeSelectorRequirement) -> Mask:
    return np.isin(column.codes, [column.code(value) for value in requirement.values])


def _not_in(column: LabelColumn, requirement: NodeSelectorRequirement) -> Mask:
    return ~_in(column, requirement)


def _exists(column: LabelColumn, _requirement: NodeSelectorRequirement) -> Mask:
    return column.codes >= 0


def _does_not_exist(column: LabelColumn, _requirement: NodeSelectorRequirement) -> Mask:
    return column.codes < 0


def _greater(column: LabelColumn, requirement: NodeSelectorRequirement) -> Mask:
    return _compared(column, requirement, lambda value, bound: value > bound)


def _less(column: LabelColumn, requirement: NodeSelectorRequirement) -> Mask:
    return _compared(column, requirement, lambda value, bound: value < bound)


def _compared(column: LabelColumn, requirement: NodeSelectorRequirement, holds: Callable[[int, int], bool]) -> Mask:
    bound = _integer(requirement.values[0]) if requirement.values else None
    values = [_integer(value) for value in column.values]
    good = [
        code for code, value in enumerate(values) if bound is not None and value is not None and holds(value, bound)
    ]
    return np.isin(column.codes, good)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


_OPERATORS: Mapping[str, Callable[[LabelColumn, NodeSelectorRequirement], Mask]] = {
    "In": _in,
    "NotIn": _not_in,
    "Exists": _exists,
    "DoesNotExist": _does_not_exist,
    "Gt": _greater,
    "Lt": _less,
}


def plugin(added: NodeAffinity | None = None) -> Plugin:
    """The plugin; `added` holds for every pod of the profile beside its own affinity (upstream: addedAffinity)."""
    if added is None:
        return Plugin("NodeAffinity", filter=reject, score=score, weight=2, hint=helps)
    required = added.required_during_scheduling_ignored_during_execution

    def reject_more(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
        if required is None:
            return reject(pod, snapshot)
        others = snapshot.nodes.present & ~matches_selector(required, snapshot.nodes)
        return [Rejection(REASON_ADDED, others, resolvable=False), *reject(pod, snapshot)]

    def score_more(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
        own = pod.pod.spec.affinity.node_affinity if pod.pod.spec.affinity else None
        total = np.zeros(snapshot.nodes.slots, dtype=np.float64)
        told = [_add_preferences(total, affinity, snapshot) for affinity in (own, added)]
        return normalized(total, feasible) if any(told) else None

    def any_node(_pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
        return isinstance(event, NodeChange)

    return Plugin("NodeAffinity", filter=reject_more, score=score_more, weight=2, hint=any_node)
