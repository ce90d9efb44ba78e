"""Nodes that have a pod's images already are better, the larger the images and the more nodes have them.

Source: upstream's ImageLocality. That an image is on many nodes counts for it, so that pods do not crowd the one node
that happens to have it.
"""

from __future__ import annotations

import numpy as np

from scheduler.framework import MAX_SCORE, Plugin, Scores
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

_MEGABYTE = 1024 * 1024
MIN_BYTES = 23 * _MEGABYTE
MAX_BYTES_PER_CONTAINER = 1000 * _MEGABYTE


def score(pod: PodInfo, snapshot: Snapshot, _feasible: Mask) -> Scores | None:
    nodes = snapshot.nodes
    total = np.zeros(nodes.slots, dtype=np.float64)
    found = False
    for image in pod.images:
        sizes = nodes.images.sizes(image, nodes.slots)
        if sizes is None:
            continue
        found = True
        spread = np.count_nonzero(sizes) / max(nodes.count, 1)
        total += np.floor(sizes * spread)
    if not found:
        return None
    most = MAX_BYTES_PER_CONTAINER * len(pod.images)
    scores: Scores = np.floor(MAX_SCORE * (np.clip(total, MIN_BYTES, most) - MIN_BYTES) / (most - MIN_BYTES))
    return scores if scores.any() else None


PLUGIN = Plugin("ImageLocality", score=score)
