"""Granting a pod other resources while it runs: asks, remembers across restarts of the kubelet, tells in events.

Decides nothing: `kubelet.pods.resize` does. What was allocated is kept in the pod's folder once it is no longer what
the pod was created with (upstream: the allocation manager's checkpoint).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import msgspec

from api.types import Pod, ResourceRequirements
from kubelet.paths import Paths
from kubelet.pods import phase, resize
from kubelet.pods.record import PodRecord
from kubelet.pods.resize import Pending

# How often a deferred wish is looked at again though nothing told of room.
RETRY_SECONDS = 10.0

_decoder = msgspec.json.Decoder(dict[str, ResourceRequirements])

# (event type, reason, message)
Announce = Callable[[str, str, str], None]
# What stands against granting a pod's wish, or None.
Assess = Callable[[Pod], Pending | None]


class Resizer:
    """The wishes of one pod."""

    def __init__(self, record: PodRecord, paths: Paths, assess: Assess, announce: Announce) -> None:
        self._record = record
        self._paths = paths
        self._assess = assess
        self._announce = announce
        self._resizing = False

    def consider(self, ended: bool) -> bool:
        """Grant the pod's wish, if it has one and the node can; whether it has to be looked at again."""
        record = self._record
        wish = resize.with_allocation(record.desired, record.allocation) is not record.desired
        if ended or not wish or record.desired.status.phase in phase.TERMINAL:
            record.resize_pending = None
            return False
        before, pending = record.resize_pending, self._assess(record.desired)
        if pending is None:
            record.resize_pending = None
            self._grant()
            return False
        if before is not None and before.reason == pending.reason:
            record.resize_pending = replace(pending, since=before.since)
        else:
            record.resize_pending = replace(pending, since=time.time())
            text = f"Pod resize {pending.reason}: {_summary(record.desired, pending.message)}"
            self._announce("Warning", f"Resize{pending.reason}", text)
        return pending.reason == resize.DEFERRED

    def follow(self, resizing: bool) -> None:
        """Take note of whether containers still lack what they are allocated; their end is told."""
        if self._resizing and not resizing:
            self._announce("Normal", "ResizeCompleted", f"Pod resize completed: {_summary(self._record.pod)}")
        self._resizing = resizing

    def _grant(self) -> None:
        record = self._record
        record.allocate()
        save(self._paths, record.uid, record.allocation)
        self._resizing = True
        self._announce("Normal", "ResizeStarted", f"Pod resize started: {_summary(record.pod)}")


def _summary(pod: Pod, error: str = "") -> str:
    containers = [{"name": c.name, "resources": c.resources} for c in pod.spec.containers]
    told = {"containers": containers, "generation": pod.metadata.generation}
    return msgspec.json.encode(told | ({"error": error} if error else {})).decode()


def save(paths: Paths, uid: str, allocation: resize.Allocation) -> None:
    """Remember what a pod was allocated, by container. Raises OSError."""
    file = paths.allocation(uid)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(allocation))
    temporary.rename(file)


def load(paths: Paths, uid: str) -> dict[str, ResourceRequirements]:
    """What was remembered; nothing when the pod was never resized."""
    try:
        return _decoder.decode(paths.allocation(uid).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
