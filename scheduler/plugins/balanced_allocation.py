"""Nodes whose cpu and memory would be used to a like degree are better (upstream: NodeResourcesBalancedAllocation)."""

from __future__ import annotations

import numpy as np

from scheduler.framework import MAX_SCORE, Plugin, Scores
from scheduler.pod_info import PodInfo
from scheduler.resources import CPU, MEMORY
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask


def score(pod: PodInfo, snapshot: Snapshot, _feasible: Mask) -> Scores | None:
    if not pod.requests.get(CPU) and not pod.requests.get(MEMORY):
        return None
    nodes = snapshot.nodes
    fractions = []
    for resource in (CPU, MEMORY):
        allocatable = nodes.allocatable(resource)
        used = nodes.requested(resource) + pod.requests.get(resource, 0)
        fractions.append(np.minimum(used / np.maximum(allocatable, 1), 1.0))
    deviation = np.abs(fractions[0] - fractions[1]) / 2
    scores: Scores = np.floor((1 - deviation) * MAX_SCORE)
    return scores


PLUGIN = Plugin("NodeResourcesBalancedAllocation", score=score)
