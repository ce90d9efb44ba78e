"""A node must have room for what a pod requests; emptier nodes are better.

Source: upstream's NodeResourcesFit with its default strategy, LeastAllocated over cpu and memory alike.
"""

from __future__ import annotations

import numpy as np

from scheduler.events import Change, ClusterEvent, NodeChange, PodChange
from scheduler.framework import MAX_SCORE, Plugin, Rejection, Scores
from scheduler.pod_info import PodInfo
from scheduler.resources import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, amounts
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Counts, Mask

_BASIC = (CPU, MEMORY, EPHEMERAL_STORAGE)


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    nodes = snapshot.nodes
    rejections = []
    full = nodes.requested(PODS) + 1 > nodes.allocatable(PODS)
    if full.any():
        rejections.append(Rejection("Too many pods", full))
    for resource in _requested_resources(pod):
        wanted = pod.requests[resource]
        allocatable = nodes.allocatable(resource)
        short = wanted > allocatable - nodes.requested(resource)
        if not short.any():
            continue
        hopeless = wanted > allocatable
        rejections.append(Rejection(f"Insufficient {resource}", short & ~hopeless))
        rejections.append(Rejection(f"Insufficient {resource}", short & hopeless, resolvable=False))
    return rejections


def score(pod: PodInfo, snapshot: Snapshot, _feasible: Mask) -> Scores | None:
    nodes = snapshot.nodes
    cpu = _free_share(nodes.allocatable(CPU), nodes.scoring_cpu + pod.scoring_cpu)
    memory = _free_share(nodes.allocatable(MEMORY), nodes.scoring_memory + pod.scoring_memory)
    kinds = (nodes.allocatable(CPU) > 0).astype(np.int64) + (nodes.allocatable(MEMORY) > 0)
    return ((cpu + memory) // np.maximum(kinds, 1)).astype(np.float64)


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


def _free_share(allocatable: Counts, used: Counts) -> Counts:
    share = (allocatable - used) * MAX_SCORE // np.maximum(allocatable, 1)
    return np.where((allocatable == 0) | (used > allocatable), 0, share)


PLUGIN = Plugin("NodeResourcesFit", filter=reject, score=score, hint=helps, tells_every_reason=True)
