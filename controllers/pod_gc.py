"""Pods that nobody will ever end: on nodes that are gone, finished in great number, deleted before they had a node.

Source: upstream's pod garbage collector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api import timestamps
from api.errors import NotFound
from api.types import Node, Pod
from cluster.client import PatchKind
from cluster.logs import get_logger
from controllers.context import Context
from controllers.pods import is_terminal

NAME = "pod_gc"
CHECK_SECONDS = 20.0
# For how long a node must have been missing before its pods are believed to be lost.
QUARANTINE_SECONDS = 40.0
OUT_OF_SERVICE_TAINT = "node.kubernetes.io/out-of-service"

log = get_logger()


@dataclass(frozen=True, slots=True)
class Removal:
    """A pod to delete at once. lost: it is to be marked Failed first; message says why."""

    pod: Pod
    lost: bool
    message: str


def plan(
    pods: Sequence[Pod],
    nodes: Mapping[str, Node],
    missing_since: Mapping[str, float],
    terminated_threshold: int,
    now: float,
) -> list[Removal]:
    """The pods to remove. missing_since: when each absent node was first missed, in the same seconds as `now`;
    terminated_threshold: how many finished pods may stay, 0 for any number."""
    removals = {
        removal.pod.metadata.uid: removal
        for removal in (
            *_beyond_threshold(pods, terminated_threshold),
            *_out_of_service(pods, nodes),
            *_orphaned(pods, nodes, missing_since, now),
            *_never_scheduled(pods),
        )
    }
    return list(removals.values())


def _beyond_threshold(pods: Iterable[Pod], threshold: int) -> list[Removal]:
    if threshold <= 0:
        return []
    finished = [pod for pod in pods if is_terminal(pod)]
    finished.sort(key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name))
    excess = max(0, len(finished) - threshold)
    return [Removal(pod, False, "") for pod in finished[:excess]]


def _out_of_service(pods: Iterable[Pod], nodes: Mapping[str, Node]) -> list[Removal]:
    """Terminating pods on a node that an operator has declared to be out of service and that is not ready."""
    message = "PodGC: node is out of service"
    return [
        Removal(pod, True, message)
        for pod in pods
        if pod.metadata.deletion_timestamp is not None
        and (node := nodes.get(pod.spec.node_name)) is not None
        and any(taint.key == OUT_OF_SERVICE_TAINT for taint in node.spec.taints)
        and not any(each.type == "Ready" and each.status == "True" for each in node.status.conditions)
    ]


def _orphaned(
    pods: Iterable[Pod], nodes: Mapping[str, Node], missing_since: Mapping[str, float], now: float
) -> list[Removal]:
    return [
        Removal(pod, True, "PodGC: node no longer exists")
        for pod in pods
        if pod.spec.node_name
        and pod.spec.node_name not in nodes
        and now - missing_since.get(pod.spec.node_name, now) >= QUARANTINE_SECONDS
    ]


def _never_scheduled(pods: Iterable[Pod]) -> list[Removal]:
    return [
        Removal(pod, False, "")
        for pod in pods
        if pod.metadata.deletion_timestamp is not None and not pod.spec.node_name
    ]


def failed_status(pod: Pod, message: str, now: float) -> dict[str, object]:
    """The status patch of a pod that is lost: Failed, and why."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": message,
        "lastTransitionTime": timestamps.now_text(now),
    }
    return {"status": {"phase": "Failed", "conditions": [condition]}}


class PodGarbageCollector:
    """Looks at all pods every 20 seconds; a queue of one key keeps the time."""

    def __init__(self, context: Context, terminated_threshold: int) -> None:
        self._context = context
        self._client = context.client
        self._threshold = terminated_threshold
        self._pods = context.mirror(Pod)
        self._nodes = context.mirror(Node)
        self._missing_since: dict[str, float] = {}
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._queue.add(NAME)

    async def reconcile(self, key: str) -> None:
        now = self._context.clock.monotonic()
        nodes = {node.metadata.name: node for node in self._nodes.items()}
        pods = self._pods.items()
        await self._note_missing(pods, nodes, now)
        for removal in plan(pods, nodes, self._missing_since, self._threshold, now):
            await self._remove(removal)
        self._queue.add_after(key, CHECK_SECONDS)

    async def _note_missing(self, pods: Iterable[Pod], nodes: Mapping[str, Node], now: float) -> None:
        absent = {pod.spec.node_name for pod in pods if pod.spec.node_name} - nodes.keys()
        self._missing_since = {name: self._missing_since.get(name, now) for name in absent}
        for name, since in list(self._missing_since.items()):
            # Our copy may lag: before pods are ended for it, the node's absence is confirmed.
            if now - since >= QUARANTINE_SECONDS and await self._exists(name):
                del self._missing_since[name]

    async def _exists(self, name: str) -> bool:
        try:
            await self._client.get(Node, name)
        except NotFound:
            return False
        return True

    async def _remove(self, removal: Removal) -> None:
        pod = removal.pod
        metadata = pod.metadata
        log.info("removed a pod", pod=f"{metadata.namespace}/{metadata.name}", reason=removal.message or "leftover")
        try:
            if removal.lost and not is_terminal(pod):
                patch = failed_status(pod, removal.message, self._context.now())
                await self._pods.patch(pod, patch, kind=PatchKind.STRATEGIC, subresource="status")
            await self._client.delete(Pod, metadata.name, metadata.namespace, uid=metadata.uid, grace_period_seconds=0)
        except NotFound:
            return
