"""A node must have room for what a pod requests; emptier nodes are better.

Source: upstream's NodeResourcesFit with its default strategy, LeastAllocated over cpu and memory alike; the others
are in `scheduler.plugins.allocation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.events import Change, ClusterEvent, NodeChange, PodChange
from scheduler.framework import Plugin, Rejection, Scores
from scheduler.plugins.allocation import LEAST_ALLOCATED, Strategy
from scheduler.pod_info import PodInfo
from scheduler.resources import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, amounts
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

_BASIC = (CPU, MEMORY, EPHEMERAL_STORAGE)


def reject(pod: PodInfo, snapshot: Snapshot, resources: Sequence[str]) -> list[Rejection]:
    nodes = snapshot.nodes
    rejections = []
    full = nodes.requested(PODS) + 1 > nodes.allocatable(PODS)
    if full.any():
        rejections.append(Rejection("Too many pods", full))
    for resource in resources:
        wanted = pod.requests[resource]
        allocatable = nodes.allocatable(resource)
        short = wanted > allocatable - nodes.requested(resource)
        if not short.any():
            continue
        hopeless = wanted > allocatable
        rejections.append(Rejection(f"Insufficient {resource}", short & ~hopeless))
        rejections.append(Rejection(f"Insufficient {resource}", short & hopeless, resolvable=False))
    return rejections


def _score(pod: PodInfo, snapshot: Snapshot, strategy: Strategy) -> Scores:
    nodes = snapshot.nodes
    total = np.zeros(nodes.slots, dtype=np.float64)
    weights = np.zeros(nodes.slots, dtype=np.float64)
    for resource, weight in strategy.resources:
        allocatable = nodes.allocatable(resource)
        if resource == CPU:
            used = nodes.scoring_cpu + pod.scoring_cpu
        elif resource == MEMORY:
            used = nodes.scoring_memory + pod.scoring_memory
        elif resource in pod.requests:
            used = nodes.requested(resource) + pod.requests[resource]
        else:
            continue  # as upstream: an extended resource the pod does not ask for tells nothing
        shares = strategy.shape(allocatable, used)
        counted = weight * ((allocatable > 0) if strategy.counts_zero else (allocatable > 0) & (shares > 0))
        total += shares * counted
        weights += counted
    ratio = total / np.maximum(weights, 1)
    scores: Scores = np.rint(ratio) if not strategy.counts_zero else np.floor(ratio)
    return scores


def helps(pod: PodInfo, event: ClusterEvent, snapshot: Snapshot) -> bool:
    if isinstance(event, PodChange):
        return _frees(pod, event) and event.node is not None and _fits(pod, event.node.metadata.name, snapshot)
    if not isinstance(event, NodeChange) or event.new is None:
        return False
    allocatable = amounts(event.new.status.allocatable)
    if any(pod.requests[resource] > allocatable.get(resource, 0) for resource in _requested_resources(pod)):
        return False
    if event.old is None:
        return True
    before = amounts(event.old.status.allocatable)
    return any(allocatable.get(resource, 0) > before.get(resource, 0) for resource in (*pod.requests, PODS))


def _frees(pod: PodInfo, event: PodChange) -> bool:
    if event.change is Change.ASSIGNED_POD_DELETED:
        return True  # even a pod that asked for nothing leaves a place
    if event.change is not Change.ASSIGNED_POD_UPDATED or event.old is None or event.new is None:
        return False
    return any(
        event.new.requests.get(resource, 0) < event.old.requests.get(resource, 0)
        for resource in _requested_resources(pod)
    )


def _fits(pod: PodInfo, node: str, snapshot: Snapshot) -> bool:
    """What the node has left is enough now: thousands of waiting pods are not tried for every pod that ends."""
    nodes = snapshot.nodes
    slot = nodes.slot(node)
    if slot is None or nodes.requested(PODS)[slot] >= nodes.allocatable(PODS)[slot]:
        return False
    return all(
        pod.requests[resource] <= nodes.allocatable(resource)[slot] - nodes.requested(resource)[slot]
        for resource in _requested_resources(pod)
    )


def _requested_resources(pod: PodInfo) -> list[str]:
    """In the order in which upstream reports what is missing."""
    others = [resource for resource in pod.requests if resource not in _BASIC]
    return [resource for resource in (*_BASIC, *others) if pod.requests.get(resource, 0) > 0]


def _is_ignored(resource: str, ignored: frozenset[str], ignored_groups: frozenset[str]) -> bool:
    return resource in ignored or resource.partition("/")[0] in ignored_groups


def plugin(
    strategy: Strategy = LEAST_ALLOCATED,
    ignored: frozenset[str] = frozenset(),
    ignored_groups: frozenset[str] = frozenset(),
) -> Plugin:
    """The plugin.

    ignored, ignored_groups: extended resources, by name or by what is before the slash, that nodes need not have.
    """

    def reject_but_ignored(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
        wanted = [r for r in _requested_resources(pod) if not _is_ignored(r, ignored, ignored_groups)]
        return reject(pod, snapshot, wanted)

    def score(pod: PodInfo, snapshot: Snapshot, _feasible: Mask) -> Scores | None:
        return _score(pod, snapshot, strategy)

    return Plugin("NodeResourcesFit", filter=reject_but_ignored, score=score, hint=helps, tells_every_reason=True)
