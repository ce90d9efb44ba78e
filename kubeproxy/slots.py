"""Numbered places for a port's destinations, which change as little as the destinations do.

The kernel draws a number below the count and looks the destination up by it, so numbers must have no holes; but when
one of a thousand endpoints goes, only one or two map elements should be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubeproxy.endpoints import Destination


def arrange(previous: Sequence[Destination], wanted: Iterable[Destination]) -> tuple[Destination, ...]:
    """Put `wanted` in a row: each stays where it is in `previous` if it can; holes take newcomers, then the last."""
    newcomers = dict.fromkeys(wanted)
    row: list[Destination | None] = []
    for destination in previous:
        row.append(destination if destination in newcomers else None)
        newcomers.pop(destination, None)
    holes = [index for index, destination in enumerate(row) if destination is None]
    arriving = list(newcomers)
    for index, destination in zip(holes, arriving, strict=False):
        row[index] = destination
    row.extend(arriving[len(holes) :])
    for index in holes[len(arriving) :]:
        while row and row[-1] is None:
            row.pop()
        if index < len(row):
            row[index] = row.pop()
    return tuple(destination for destination in row if destination is not None)
