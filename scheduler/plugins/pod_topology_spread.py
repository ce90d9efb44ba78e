"""Pods spread over topology domains, as they must (DoNotSchedule) or as they would rather (ScheduleAnyway).

Source: Kubernetes' documentation, Pod Topology Spread Constraints; upstream's PodTopologySpread plugin, with its system
defaults: pods that state no constraint of their own are spread softly over hosts and zones beside their like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.events import ClusterEvent, NodeChange, PodChange
from scheduler.framework import MAX_SCORE, Plugin, Rejection, Scores
from scheduler.plugins.node_affinity import eligible_nodes
from scheduler.plugins.taint_toleration import tainted_nodes
from scheduler.plugins.topology import domain_sums, pods_selected, spread_to_slots
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import HOSTNAME_LABEL, Counts, Mask
from scheduler.terms import LabelMatch, SpreadConstraint

REASON = "node(s) didn't match pod topology spread constraints"
REASON_MISSING_LABEL = f"{REASON} (missing required label)"


@dataclass(frozen=True, slots=True)
class Default:
    """A constraint for pods that state none; its selector is that of the pod's services and owner."""

    topology_key: str
    max_skew: int
    hard: bool = False

    def for_pods(self, selector: LabelMatch) -> SpreadConstraint:
        return SpreadConstraint(self.topology_key, self.max_skew, 1, True, False, selector)


# Upstream's system defaults; nodes without one of the labels are scored all the same.
SYSTEM_DEFAULTS = (Default(HOSTNAME_LABEL, 3), Default("topology.kubernetes.io/zone", 5))


def _reject(pod: PodInfo, snapshot: Snapshot, constraints: Sequence[SpreadConstraint]) -> list[Rejection]:
    rejections = []
    labelled = _with_all_keys(constraints, snapshot)
    for constraint in constraints:
        missing = snapshot.nodes.present & (snapshot.nodes.label(constraint.topology_key).codes < 0)
        rejections.append(Rejection(REASON_MISSING_LABEL, missing, resolvable=False))
        rejections.append(Rejection(REASON, _too_skewed(pod, constraint, snapshot, labelled)))
    return rejections


def _score(
    pod: PodInfo,
    snapshot: Snapshot,
    feasible: Mask,
    constraints: Sequence[SpreadConstraint],
    *,
    missing_label_excludes: bool,
) -> Scores | None:
    if not constraints:
        return None
    labelled = _with_all_keys(constraints, snapshot)
    countable = labelled if missing_label_excludes else snapshot.nodes.present
    rated = feasible & countable
    crowding = np.zeros(snapshot.nodes.slots, dtype=np.float64)
    for constraint in constraints:
        crowding += _crowding(pod, constraint, snapshot, rated, countable)
    return _inverted(np.rint(crowding), rated)


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, NodeChange):
        keys = [constraint.topology_key for constraint in pod.hard_spread]
        before = event.old.metadata.labels if event.old else {}
        after = event.new.metadata.labels if event.new else {}
        # Eligibility of domains also hangs on taints and on labels of the pod's own affinity.
        return event.old is None or event.new is None or before != after or any(key in after for key in keys)
    if not isinstance(event, PodChange):
        return False
    changed = [other for other in (event.old, event.new) if other is not None and other.namespace == pod.namespace]
    if not pod.hard_spread:
        return True  # a default constraint turned it down
    return any(constraint.selector(other.labels) for constraint in pod.hard_spread for other in changed)


def _too_skewed(pod: PodInfo, constraint: SpreadConstraint, snapshot: Snapshot, labelled: Mask) -> Mask:
    column = snapshot.nodes.label(constraint.topology_key)
    counted = labelled & _eligible(pod, constraint, snapshot)
    pods = pods_selected(snapshot, pod.namespace, constraint.selector)
    sums = domain_sums(column, pods, counted)
    domains = np.flatnonzero(np.bincount(column.codes[counted]))
    fewest = int(sums[domains].min(initial=np.iinfo(np.int64).max)) if len(domains) else 0
    if len(domains) < constraint.min_domains:
        fewest = 0
    self_match = int(constraint.selector(pod.labels))
    skewed: Mask = spread_to_slots(column, sums) + self_match - fewest > constraint.max_skew
    return skewed & (column.codes >= 0)


def _defaults(
    pod: PodInfo, snapshot: Snapshot, defaults: Sequence[Default], *, hard: bool
) -> Sequence[SpreadConstraint]:
    """The profile's constraints, hard or soft, for a pod that states none itself."""
    wanted = [default for default in defaults if default.hard is hard]
    if pod.hard_spread or pod.soft_spread or not wanted:
        return ()
    selector = snapshot.workloads.selector(pod)
    return () if selector is None else [default.for_pods(selector) for default in wanted]


def _crowding(pod: PodInfo, constraint: SpreadConstraint, snapshot: Snapshot, rated: Mask, countable: Mask) -> Scores:
    column = snapshot.nodes.label(constraint.topology_key)
    pods = pods_selected(snapshot, pod.namespace, constraint.selector)
    if constraint.topology_key == HOSTNAME_LABEL:
        domains = int(np.count_nonzero(rated))
        beside: Counts = pods
    else:
        counted = countable & _eligible(pod, constraint, snapshot)
        domains = len(np.unique(column.codes[rated & (column.codes >= 0)]))
        beside = spread_to_slots(column, domain_sums(column, pods, counted))
    weight = math.log(domains + 2)
    crowded: Scores = np.where(column.codes >= 0, beside * weight + (constraint.max_skew - 1), 0.0)
    return crowded


def _eligible(pod: PodInfo, constraint: SpreadConstraint, snapshot: Snapshot) -> Mask:
    eligible = eligible_nodes(pod, snapshot) if constraint.honor_affinity else snapshot.nodes.present
    if constraint.honor_taints:
        for closed in tainted_nodes(pod, snapshot).values():
            eligible = eligible & ~closed
    return eligible


def _with_all_keys(constraints: Sequence[SpreadConstraint], snapshot: Snapshot) -> Mask:
    labelled = snapshot.nodes.present.copy()
    for constraint in constraints:
        labelled &= snapshot.nodes.label(constraint.topology_key).codes >= 0
    return labelled


def _inverted(crowding: Scores, rated: Mask) -> Scores:
    """Least crowded becomes 100; nodes that are not rated get nothing."""
    if not rated.any():
        return np.zeros(len(crowding), dtype=np.float64)
    most, least = crowding[rated].max(), crowding[rated].min()
    if most == 0:
        return np.where(rated, float(MAX_SCORE), 0.0)
    scores: Scores = np.where(rated, np.floor(MAX_SCORE * (most + least - crowding) / most), 0.0)
    return scores


def plugin(defaults: Sequence[Default] = SYSTEM_DEFAULTS) -> Plugin:
    """The plugin; `defaults` are the constraints of pods that state none and belong to a service or workload."""
    system = tuple(defaults) == SYSTEM_DEFAULTS

    def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
        constraints = pod.hard_spread or _defaults(pod, snapshot, defaults, hard=True)
        return _reject(pod, snapshot, constraints) if constraints else []

    def score(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
        own = bool(pod.hard_spread or pod.soft_spread)
        constraints = pod.soft_spread if own else _defaults(pod, snapshot, defaults, hard=False)
        return _score(pod, snapshot, feasible, constraints, missing_label_excludes=own or not system)

    return Plugin("PodTopologySpread", filter=reject, score=score, weight=2, hint=helps)
