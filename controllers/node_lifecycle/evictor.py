"""The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer."""

from __future__ import annotations

from typing import Any

from api import timestamps
from api.errors import Conflict, NotFound
from api.types import Node, Pod
from cluster.client import PatchKind
from cluster.events import NORMAL
from cluster.informer import ObjectKey
from cluster.logs import get_logger
from controllers.context import Context
from controllers.mirror import key_of
from controllers.node_lifecycle.eviction import NO_EXECUTE, eviction_time
from controllers.pods import is_active

NAME = "taint_eviction"
REASON = "TaintManagerEviction"

log = get_logger()


class TaintEvictor:
    """reconcile(pod key): delete it, or come back when it is due."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._recorder = context.recorder("taint-eviction-controller")
        self._nodes = context.mirror(Node)
        self._pods = context.mirror(Pod)
        self._since: dict[str, float] = {}  # uid of each pod whose time is running: since when
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        pod = self._pods.get(*key)
        if pod is None or not is_active(pod):
            return
        now = self._context.now()
        node = self._nodes.get("", pod.spec.node_name)
        # A taint that does not say when it was added counts from when it was first seen.
        since = self._since.get(pod.metadata.uid, now)
        due = eviction_time(pod, node.spec.taints, since) if node is not None else None
        if due is None:
            self._call_off(pod)
        elif due > now:
            self._since[pod.metadata.uid] = since
            self._queue.add_after(key, due - now)
        else:
            await self._evict(pod, now)

    async def _evict(self, pod: Pod, now: float) -> None:
        name = f"{pod.metadata.namespace}/{pod.metadata.name}"
        self._recorder.record(pod, NORMAL, REASON, f"Marking for deletion Pod {name}")
        log.info("evicted a pod", pod=name, node=pod.spec.node_name)
        try:
            await self._pods.patch(pod, _disrupted(now), kind=PatchKind.STRATEGIC, subresource="status")
            await self._pods.delete(pod)
        except (NotFound, Conflict):
            pass  # gone, or another pod of its name
        self._since.pop(pod.metadata.uid, None)

    def _call_off(self, pod: Pod) -> None:
        if self._since.pop(pod.metadata.uid, None) is not None:
            name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            self._recorder.record(pod, NORMAL, REASON, f"Cancelling deletion of Pod {name}")

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None or (old is not None and old.spec.taints == new.spec.taints):
            return
        if old is None and not _evicts(new):
            return
        for pod in self._pods.by_index("node", new.metadata.name):
            self._queue.add(key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._since.pop(old.metadata.uid, None)
            return
        if not new.spec.node_name or (old is not None and _same_concern(old, new)):
            return
        node = self._nodes.get("", new.spec.node_name)
        if node is not None and _evicts(node):
            self._queue.add(key_of(new))


def _evicts(node: Node) -> bool:
    return any(taint.effect == NO_EXECUTE for taint in node.spec.taints)


def _same_concern(old: Pod, new: Pod) -> bool:
    return old.spec.node_name == new.spec.node_name and old.spec.tolerations == new.spec.tolerations


def _disrupted(now: float) -> dict[str, Any]:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": timestamps.now_text(now),
    }
    return {"status": {"conditions": [condition]}}
