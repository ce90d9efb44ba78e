"""Pods we have asked to be deleted, until the informer shows it: they are on their way out, not gone.

A mirror leaves out what was deleted through it. For a Job a pod that is terminating is not the same as none:
its place may not be given away yet.
"""

from __future__ import annotations

from collections.abc import Hashable

from msgspec.structs import replace

from api import timestamps
from api.types import Pod
from cluster.informer import ObjectKey
from controllers.mirror import Source, key_of


class Doomed:
    """By owner, so that owners that are gone can be forgotten."""

    def __init__(self, source: Source[Pod]) -> None:
        self._source = source
        self._pods: dict[Hashable, dict[ObjectKey, Pod]] = {}

    def add(self, owner: Hashable, pod: Pod, now: float) -> None:
        marked = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=timestamps.now_text(now)))
        self._pods.setdefault(owner, {})[key_of(pod)] = marked

    def of(self, owner: Hashable) -> list[Pod]:
        """The owner's pods whose deletion the informer has yet to show."""
        kept = {key: pod for key, pod in self._pods.pop(owner, {}).items() if self._unseen(key, pod)}
        if kept:
            self._pods[owner] = kept
        return list(kept.values())

    def forget(self, owner: Hashable) -> None:
        self._pods.pop(owner, None)

    def _unseen(self, key: ObjectKey, pod: Pod) -> bool:
        shown = self._source.get(*key)
        if shown is None or shown.metadata.uid != pod.metadata.uid:
            return False
        return shown.metadata.deletion_timestamp is None
