"""How good a node's degree of use is: the scoring strategies of NodeResourcesFit.

Source: upstream's LeastAllocated, MostAllocated and RequestedToCapacityRatio.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.framework import MAX_SCORE, Scores
from scheduler.resources import CPU, MEMORY
from scheduler.snapshot.nodes import Counts

# Given what nodes have and what would be in use, 0 to 100 per node.
Shape = Callable[[Counts, Counts], Scores]
Weighted = tuple[tuple[str, int], ...]

BY_CPU_AND_MEMORY: Weighted = ((CPU, 1), (MEMORY, 1))


@dataclass(frozen=True, slots=True)
class Strategy:
    """How nodes are scored by use.

    resources: with their weights. counts_zero: a resource that scores nothing still counts in the mean.
    """

    shape: Shape
    resources: Weighted = BY_CPU_AND_MEMORY
    counts_zero: bool = True


def least(allocatable: Counts, used: Counts) -> Scores:
    """The free share; nothing when more than everything would be used."""
    share = np.floor((allocatable - used) * float(MAX_SCORE) / np.maximum(allocatable, 1))
    return np.maximum(share, 0.0)


def most(allocatable: Counts, used: Counts) -> Scores:
    """The used share, whole at most."""
    share: Scores = np.floor(np.minimum(used, allocatable) * float(MAX_SCORE) / np.maximum(allocatable, 1))
    return share


def by_points(points: Sequence[tuple[int, int]]) -> Shape:
    """A polyline of (utilization 0 to 100, score 0 to 10); beyond its ends the end's score."""
    utilizations = [point[0] for point in points]
    scores = [point[1] * MAX_SCORE / 10 for point in points]

    def shape(allocatable: Counts, used: Counts) -> Scores:
        utilization = np.floor(used * float(MAX_SCORE) / np.maximum(allocatable, 1))
        utilization = np.where((allocatable == 0) | (used > allocatable), MAX_SCORE, utilization)
        result: Scores = np.trunc(np.interp(utilization, utilizations, scores))
        return result

    return shape


LEAST_ALLOCATED = Strategy(least)
