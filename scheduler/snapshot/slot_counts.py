"""How many of something are on each slot: a dictionary while few slots have any, an array once many do.

Adding an array to a column costs microseconds however many pods it stands for; a dictionary for each of thousands of
small groups costs little memory. Neighbour: `scheduler.snapshot.pods`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from scheduler.snapshot.nodes import Counts

DENSE_FROM = 64


class SlotCounts:
    """Counts by slot; falsy when all are zero."""

    __slots__ = ("_dense", "_filled", "_sparse")

    def __init__(self) -> None:
        self._sparse: Counter[int] | None = Counter()
        self._dense: Counts = np.zeros(0, dtype=np.int64)
        self._filled = 0

    def __bool__(self) -> bool:
        return self._filled > 0

    def __getitem__(self, slot: int) -> int:
        if self._sparse is not None:
            return self._sparse[slot]
        return int(self._dense[slot]) if slot < len(self._dense) else 0

    def change(self, slot: int, by: int) -> None:
        """Count `by` more on a slot."""
        before = self[slot]
        after = before + by
        self._filled += (after != 0) - (before != 0)
        if self._sparse is None:
            self._reach(slot)
            self._dense[slot] = after
        elif after:
            self._sparse[slot] = after
            if len(self._sparse) > DENSE_FROM:
                self._densify(self._sparse)
        else:
            del self._sparse[slot]

    def add_to(self, total: Counts, weight: int = 1) -> None:
        """Add the counts, times `weight`, to a column that reaches as far as they do, in place."""
        if self._sparse is not None:
            for slot, count in self._sparse.items():
                total[slot] += count * weight
            return
        reached = min(len(self._dense), len(total))
        total[:reached] += self._dense[:reached] if weight == 1 else self._dense[:reached] * weight

    def _densify(self, sparse: Counter[int]) -> None:
        self._reach(max(sparse))
        for slot, count in sparse.items():
            self._dense[slot] = count
        self._sparse = None

    def _reach(self, slot: int) -> None:
        if slot >= len(self._dense):
            self._dense = np.pad(self._dense, (0, 1 << slot.bit_length() if slot else 1))
