"""Pods on their way out, for `status.terminatingReplicas`: they are of no replica any more, but still hold their node.

The number falls with each pod that is gone. Of a thousand steps down nobody needs to be told singly: those that change
nothing else are told of once a second, the last at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from api.types import Pod, ReplicaSetStatus
from cluster.informer import ObjectKey
from controllers.pods import is_terminal
from controllers.replicaset.kinds import Status

TELL_SECONDS: Final = 1.0


def terminating(pods: Iterable[Pod]) -> int:
    """How many of an owner's pods are being deleted and have not ended."""
    return sum(pod.metadata.deletion_timestamp is not None and not is_terminal(pod) for pod in pods)


class Pace:
    """When each owner was last told."""

    def __init__(self) -> None:
        self._told: dict[ObjectKey, float] = {}

    def wait(self, key: ObjectKey, old: Status, new: Status, now: float) -> float:
        """Seconds until a changed status should be written; 0 for at once."""
        if not _still_falling(old, new):
            return 0.0
        left = self._told.get(key, now - TELL_SECONDS) + TELL_SECONDS - now
        if left > 0:
            return left
        self._told = {told: at for told, at in self._told.items() if at + TELL_SECONDS > now}
        self._told[key] = now
        return 0.0


def _still_falling(old: Status, new: Status) -> bool:
    if not isinstance(old, ReplicaSetStatus) or not isinstance(new, ReplicaSetStatus):
        return False
    return bool(new.terminating_replicas) and replace(old, terminating_replicas=new.terminating_replicas) == new
