"""Sets of completion indexes as a Job's status and success policy write them: "0,3-5,7".

The text is upstream's: intervals in increasing order, adjoining ones merged, two neighbours as "3,4".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class IndexSet:
    """`intervals` are inclusive, increasing and do not adjoin: their number is that of gaps, not of indexes."""

    intervals: tuple[Interval, ...] = ()

    @classmethod
    def of(cls, indexes: Iterable[int]) -> IndexSet:
        return cls(tuple(_merged((index, index) for index in sorted(set(indexes)))))

    @classmethod
    def read(cls, text: str, completions: int) -> IndexSet:
        """The indexes below `completions` that a text we wrote names. Raises `ValueError` as `check` does."""
        intervals = [_interval(part) for part in text.split(",")] if text else []
        kept = ((first, min(last, completions - 1)) for first, last in intervals if first < completions)
        return cls(tuple(_merged(kept)))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.intervals)

    def __contains__(self, index: int) -> bool:
        place = bisect_right(self.intervals, (index, 2**63)) - 1
        return place >= 0 and self.intervals[place][0] <= index <= self.intervals[place][1]

    def __or__(self, other: IndexSet) -> IndexSet:
        return IndexSet(tuple(_merged(sorted((*self.intervals, *other.intervals)))))

    def __str__(self) -> str:
        return ",".join(_text(first, last) for first, last in self.intervals)

    def common(self, other: IndexSet) -> int:
        """How many indexes are in both."""
        return len(self) + len(other) - len(self | other)

    def missing(self, completions: int) -> Iterator[int]:
        """The indexes below `completions` that are not in the set, in order."""
        candidate = 0
        for first, last in self.intervals:
            yield from range(candidate, min(first, completions))
            candidate = last + 1
        yield from range(candidate, completions)


def check(text: str, completions: int) -> int:
    """How many indexes a text somebody else wrote names. Raises `ValueError` in upstream's words."""
    total, previous = 0, -1
    for part in text.split(",") if text else ():
        first, last = _interval(part, completions)
        if previous >= first:
            raise ValueError(f"non-increasing order, previous: {previous}, current: {first}")
        total += last - first + 1
        previous = last
    return total


def _interval(part: str, completions: int | None = None) -> Interval:
    limits = part.split("-")
    if len(limits) > 2:
        rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
        raise ValueError(f'the fragment "{part}" {rule}')
    first = _index(limits[0], completions)
    if len(limits) == 1:
        return first, first
    last = _index(limits[1], completions)
    if first >= last:
        raise ValueError(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def _index(text: str, completions: int | None) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(f'cannot convert string to integer for index: "{text}"')
    index = int(text)
    if completions is not None and index >= completions:
        raise ValueError(f'too large index: "{text}"')
    return index


def _merged(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Sorted intervals without overlaps and neighbours."""
    current: Interval | None = None
    for first, last in intervals:
        if current is None:
            current = first, last
        elif first <= current[1] + 1:
            current = current[0], max(current[1], last)
        else:
            yield current
            current = first, last
    if current is not None:
        yield current


def _text(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
