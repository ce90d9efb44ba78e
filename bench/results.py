"""Figures, and the table they make."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `met` is None when there is no target but to state it."""

    figure: str
    measured: str
    yardstick: str
    target: str
    met: bool | None = None


def percentile(samples: Sequence[float], percent: float) -> float:
    """The sample below which `percent` of all lie (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def p50_p99(samples: Sequence[float]) -> str:
    """`p50 / p99`, given seconds, shown in milliseconds."""
    return f"{statistics.median(samples) * 1e3:.1f} / {percentile(samples, 99) * 1e3:.1f} ms"


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    marks = {True: "yes", False: "**no**", None: "–"}
    lines = ["| figure | measured | yardstick, same run | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {row.figure} | {row.measured} | {row.yardstick} | {row.target} | {marks[row.met]} |" for row in rows]
    return "\n".join(lines)
