"""Counting pods by topology domain: the common ground of spreading and of pod affinity."""

from __future__ import annotations

import numpy as np

from scheduler.snapshot import LabelColumn, Snapshot
from scheduler.snapshot.nodes import Counts, Mask
from scheduler.terms import LabelMatch, Term


def pods_selected(snapshot: Snapshot, namespace: str, selector: LabelMatch) -> Counts:
    """Per slot, the living pods of a namespace that a selector matches; terminating pods no longer count."""
    total = np.zeros(snapshot.nodes.slots, dtype=np.int64)
    for group in snapshot.pods.groups(namespace):
        if not group.terminating and selector(group.labels):
            group.counts.add_to(total)
    return total


def pods_matching(snapshot: Snapshot, terms: tuple[Term, ...]) -> Counts:
    """Per slot, the pods, terminating or not, that every one of the terms matches."""
    total = np.zeros(snapshot.nodes.slots, dtype=np.int64)
    for namespace in snapshot.pods.namespaces():
        if not all(term.selects_namespace(namespace, snapshot.namespace_labels) for term in terms):
            continue
        for group in snapshot.pods.groups(namespace):
            if all(term.selector(group.labels) for term in terms):
                group.counts.add_to(total)
    return total


def domain_sums(column: LabelColumn, counts: Counts, counted: Mask) -> Counts:
    """Per domain of a topology label, the sum of `counts` over the slots in `counted`."""
    inside = counted & (column.codes >= 0)
    sums = np.bincount(column.codes[inside], weights=counts[inside], minlength=len(column.values))
    return sums.astype(np.int64)


def spread_to_slots(column: LabelColumn, sums: Counts) -> Counts:
    """Per slot, the sum of its domain; zero for slots outside every domain."""
    if not len(sums):
        return np.zeros(len(column.codes), dtype=np.int64)
    slots: Counts = np.where(column.codes >= 0, sums[column.codes], 0)
    return slots
