"""Pods choose nodes by label: nodeSelector, required and preferred node affinity.

Source: Kubernetes' documentation, Assigning Pods to Nodes. Terms are alternatives, the requirements of one term all
hold; a term without requirements matches no node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from api.types import Node, NodeSelectorRequirement, NodeSelectorTerm
from scheduler.events import ClusterEvent, NodeChange
from scheduler.framework import Plugin, Rejection, Scores, normalized
from scheduler.pod_info import PodInfo
from scheduler.snapshot import LabelColumn, Snapshot
from scheduler.snapshot.nodes import NAME_FIELD, Mask, NodeTable

REASON = "node(s) didn't match Pod's node affinity/selector"


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


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    if not is_constrained(pod):
        return []
    others = snapshot.nodes.present & ~eligible_nodes(pod, snapshot)
    return [Rejection(REASON, others, resolvable=False)]


def score(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
    affinity = pod.pod.spec.affinity.node_affinity if pod.pod.spec.affinity else None
    preferences = affinity.preferred_during_scheduling_ignored_during_execution if affinity else []
    if not preferences:
        return None
    total = np.zeros(snapshot.nodes.slots, dtype=np.float64)
    for preferred in preferences:
        if preferred.weight:
            total += preferred.weight * _term(preferred.preference, snapshot.nodes)
    return normalized(total, feasible)


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if not isinstance(event, NodeChange) or event.new is None:
        return False
    return _allows(pod, event.new) and (event.old is None or not _allows(pod, event.old))


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

PLUGIN = Plugin("NodeAffinity", filter=reject, score=score, weight=2, hint=helps)
