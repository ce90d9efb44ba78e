"""Which writes are ours: what a server that has etcd to itself must have seen before it answers. Pure.

A server that is etcd's only writer need not ask etcd how far it has come: it knows every revision anybody was ever told
of. Whether it really is alone shows in the watch: a change nobody here made is somebody else's.
"""

from __future__ import annotations

from typing import Final

# An answer of etcd may arrive after the change it is about; after so long it is not to come.
ANSWER_SECONDS: Final = 20.0
# How long etcd is asked again after a change nobody here made. It may have been a write of ours whose answer was lost
# and whose caller gave up.
DISTRUST_SECONDS: Final = 300.0


class Authorship:
    """Times are seconds of any monotonic clock."""

    def __init__(self) -> None:
        # The latest revision a caller may have learnt of.
        self.latest = 0
        # Ours, not yet seen in the watch; seen in the watch, not yet known to be ours, with the time.
        self._unseen: set[int] = set()
        self._unclaimed: dict[int, float] = {}
        self._distrusted_until = 0.0

    def learnt(self, revision: int) -> None:
        """A caller may be told of `revision`."""
        if revision > self.latest:
            self.latest = revision

    def wrote(self, revision: int) -> None:
        """A write of ours is known to have been applied."""
        if self._unclaimed.pop(revision, None) is None:
            self._unseen.add(revision)

    def saw(self, revision: int, now: float) -> bool:
        """The watch showed a change. False when it gives away that somebody else writes."""
        if revision in self._unseen:
            self._unseen.discard(revision)
        else:
            self._unclaimed[revision] = now
        if now - next(iter(self._unclaimed.values()), now) <= ANSWER_SECONDS:
            return True
        self._unclaimed.clear()
        self._distrusted_until = now + DISTRUST_SECONDS
        return False

    def alone(self, now: float) -> bool:
        """Whether nobody else seems to write."""
        return now >= self._distrusted_until

    def start_over(self) -> None:
        """The watch has a gap: what was to be seen never will be."""
        self._unseen.clear()
        self._unclaimed.clear()
