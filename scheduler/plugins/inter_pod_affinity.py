"""Pods choose or shun the company of other pods, within a topology domain and in both directions.

Source: Kubernetes' documentation, Inter-pod affinity and anti-affinity; upstream's InterPodAffinity plugin.
"""

from __future__ import annotations

import numpy as np

from scheduler.events import ClusterEvent, NamespaceChange, NodeChange, PodChange
from scheduler.framework import MAX_SCORE, Plugin, Rejection, Scores
from scheduler.plugins.topology import domain_sums, pods_matching, spread_to_slots
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Counts, Mask
from scheduler.snapshot.pods import TermPool
from scheduler.terms import Term

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_OTHERS_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
# What a placed pod's required affinity for the incoming pod counts as a preference.
HARD_AFFINITY_WEIGHT = 1


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    rejections = []
    if pod.required_affinity:
        rejections.append(Rejection(REASON_AFFINITY, _without_company(pod, snapshot), resolvable=False))
    if pod.required_anti_affinity:
        rejections.append(Rejection(REASON_ANTI_AFFINITY, _with_bad_company(pod, snapshot)))
    shunned = _shunned_by_others(pod, snapshot)
    if shunned.any():
        rejections.append(Rejection(REASON_OTHERS_ANTI_AFFINITY, shunned))
    return rejections


def _score(pod: PodInfo, snapshot: Snapshot, feasible: Mask, hard_weight: int, *, ignore_others: bool) -> Scores | None:
    if ignore_others and not pod.preferred:
        return None
    total = np.zeros(snapshot.nodes.slots, dtype=np.int64)
    for preference in pod.preferred:
        total += preference.weight * _in_domain(preference.term, pods_matching(snapshot, (preference.term,)), snapshot)
    _add_others(total, pod, snapshot, snapshot.pods.preferred, None)
    if hard_weight:
        _add_others(total, pod, snapshot, snapshot.pods.required_affinity, hard_weight)
    if not total.any():
        return None
    greatest, least = total[feasible].max(), total[feasible].min()
    if greatest == least:
        return None
    scores: Scores = np.floor(MAX_SCORE * (total - least) / (greatest - least))
    return scores


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, NamespaceChange):
        return True
    if isinstance(event, NodeChange):
        # With a node that goes, the pods on it are company, good or bad, no more.
        return event.old is None or event.new is None or event.old.metadata.labels != event.new.metadata.labels
    return isinstance(event, PodChange) and _concerns(pod, event)


def _without_company(pod: PodInfo, snapshot: Snapshot) -> Mask:
    terms = pod.required_affinity
    pods = pods_matching(snapshot, terms)
    satisfied, labelled = snapshot.nodes.present.copy(), snapshot.nodes.present.copy()
    anywhere = False
    for term in terms:
        company = _in_domain(term, pods, snapshot)
        anywhere = anywhere or bool(company.any())
        satisfied &= company > 0
        labelled &= snapshot.nodes.label(term.topology_key).codes >= 0
    # The first of a group that wants to be together would otherwise never find a place.
    if not anywhere and all(_matches(term, pod, snapshot) for term in terms):
        satisfied = labelled
    return snapshot.nodes.present & ~satisfied


def _with_bad_company(pod: PodInfo, snapshot: Snapshot) -> Mask:
    bad = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for term in pod.required_anti_affinity:
        bad |= _in_domain(term, pods_matching(snapshot, (term,)), snapshot) > 0
    return bad


def _shunned_by_others(pod: PodInfo, snapshot: Snapshot) -> Mask:
    holders = np.zeros(snapshot.nodes.slots, dtype=np.int64)
    _add_others(holders, pod, snapshot, snapshot.pods.required_anti_affinity, 1)
    return holders > 0


def _add_others(total: Counts, pod: PodInfo, snapshot: Snapshot, pool: TermPool, weight: int | None) -> None:
    """Add, per slot, the placed pods of its domain that hold a term for this pod; weight None takes the term's own."""
    for weighted, counts in pool.items():
        if not _matches(weighted.term, pod, snapshot):
            continue
        holders = np.zeros(snapshot.nodes.slots, dtype=np.int64)
        counts.add_to(holders, weighted.weight if weight is None else weight)
        total += _in_domain(weighted.term, holders, snapshot)


def _in_domain(term: Term, counts: Counts, snapshot: Snapshot) -> Counts:
    column = snapshot.nodes.label(term.topology_key)
    return spread_to_slots(column, domain_sums(column, counts, snapshot.nodes.present))


def _matches(term: Term, pod: PodInfo, snapshot: Snapshot) -> bool:
    return term.matches(pod.namespace, pod.labels, snapshot.namespace_labels)


def _concerns(pod: PodInfo, event: PodChange) -> bool:
    """The changed pod is one this pod's terms could speak of, or holds terms that could speak of this pod."""
    changed = [other for other in (event.old, event.new) if other is not None]
    for other in changed:
        if any(term.selector(other.labels) for term in (*pod.required_affinity, *pod.required_anti_affinity)):
            return True
        if any(term.selector(pod.labels) for term in other.required_anti_affinity):
            return True
    return False


def plugin(hard_weight: int = HARD_AFFINITY_WEIGHT, *, ignore_others: bool = False) -> Plugin:
    """The plugin.

    hard_weight: what a placed pod's required affinity for the incoming pod counts as a preference.
    ignore_others: placed pods' preferences count only for pods that have preferences themselves.
    """

    def score_so(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
        return _score(pod, snapshot, feasible, hard_weight, ignore_others=ignore_others)

    return Plugin("InterPodAffinity", filter=reject, score=score_so, weight=2, hint=helps)
