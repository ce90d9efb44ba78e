"""Nodes whose cpu and memory would be used to a like degree are better (upstream: NodeResourcesBalancedAllocation)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.framework import MAX_SCORE, Plugin, Scores
from scheduler.pod_info import PodInfo
from scheduler.resources import CPU, MEMORY
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask


def plugin(resources: Sequence[str] = (CPU, MEMORY)) -> Plugin:
    """The plugin, over these resources."""

    def score(pod: PodInfo, snapshot: Snapshot, _feasible: Mask) -> Scores | None:
        if not any(pod.requests.get(resource) for resource in resources):
            return None
        nodes = snapshot.nodes
        rows = []
        for resource in resources:
            if resource not in (CPU, MEMORY) and resource not in pod.requests:
                continue
            used = nodes.requested(resource) + pod.requests.get(resource, 0)
            rows.append(np.minimum(used / np.maximum(nodes.allocatable(resource), 1), 1.0))
        deviation = np.abs(rows[0] - rows[1]) / 2 if len(rows) == 2 else np.std(np.array(rows), axis=0)
        scores: Scores = np.floor((1 - deviation) * MAX_SCORE)
        return scores

    return Plugin("NodeResourcesBalancedAllocation", score=score)
