"""Which images are on which nodes, and how large they are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from api.types import ContainerImage

Counts: TypeAlias = NDArray[np.int64]


class Images:
    """Sizes in bytes by image name and slot; a name's column is built when asked for and kept until it changes."""

    def __init__(self) -> None:
        self._sizes: dict[str, dict[int, int]] = {}
        self._on_slot: dict[int, Sequence[ContainerImage]] = {}
        self._columns: dict[str, Counts] = {}

    def put(self, slot: int, images: Sequence[ContainerImage]) -> None:
        """What a node has now; nothing when it is gone."""
        before = self._on_slot.get(slot, ())
        if before == images:
            return
        for image in before:
            for name in image.names:
                self._forget(name, slot)
        for image in images:
            for name in image.names:
                self._columns.pop(name, None)
                self._sizes.setdefault(name, {})[slot] = image.size_bytes
        if images:
            self._on_slot[slot] = images
        else:
            self._on_slot.pop(slot, None)

    def sizes(self, name: str, slots: int) -> Counts | None:
        """Per slot the size of an image, zero where it is not; None when it is nowhere."""
        sizes = self._sizes.get(name)
        if sizes is None:
            return None
        column = self._columns.get(name)
        if column is None or len(column) != slots:
            column = self._columns[name] = np.zeros(slots, dtype=np.int64)
            column[list(sizes)] = list(sizes.values())
        return column

    def _forget(self, name: str, slot: int) -> None:
        self._columns.pop(name, None)
        sizes = self._sizes.get(name, {})
        sizes.pop(slot, None)
        if not sizes:
            self._sizes.pop(name, None)
