"""The node lifecycle controller: gives up silent nodes, keeps their taints, takes their pods out of service."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from api import timestamps
from api.errors import NotFound
from api.types import Lease, Node, NodeCondition, Pod, Taint
from cluster.client import PatchKind
from cluster.events import NORMAL
from controllers.context import Context
from controllers.node_lifecycle import metrics
from controllers.node_lifecycle.health import SignOfLife, judge, ready_status
from controllers.node_lifecycle.stopwatch import Stopwatch
from controllers.node_lifecycle.taints import is_evicting, no_execute, wanted, without_eviction
from controllers.node_lifecycle.zones import Pacing, zone_of
from controllers.pods import condition as pod_condition
from controllers.pods import is_ready

NAME = "node_lifecycle_controller"
LEASE_NAMESPACE = "kube-node-lease"


class NodeLifecycleController:
    """reconcile(node name): judge it, taint it, mark its pods. grace_seconds: how long a node may be silent."""

    def __init__(self, context: Context, grace_seconds: float) -> None:
        self._context = context
        self._grace_seconds = grace_seconds
        self._recorder = context.recorder("node-controller")
        self._nodes = context.mirror(Node)
        self._leases = context.mirror(Lease)
        self._pods = context.mirror(Pod)
        self._signs: dict[str, SignOfLife] = {}
        self._stopwatch = Stopwatch()
        self._pacing = Pacing()
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._nodes.add_handler(self._node_changed)
        self._leases.add_handler(self._lease_changed)
        context.informer(Lease).add_hearing_handler(self._hearing_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, name: str) -> None:
        node = self._nodes.get("", name)
        if node is None:
            self._signs.pop(name, None)
            return
        monotonic, now = self._context.clock.monotonic(), self._context.now()
        lease = self._leases.get(LEASE_NAMESPACE, name)
        silence = self._stopwatch.read(monotonic)
        verdict = judge(node, lease, self._signs.get(name), self._grace_seconds, silence, now)
        self._signs[name] = verdict.sign
        if verdict.conditions is not None:
            node = await self._give_up(node, verdict.conditions)
        await self._taint(node, monotonic, now)
        if ready_status(node) != "True":
            await self._mark_pods(self._pods.by_index("node", name))
        if verdict.recheck_seconds is not None:
            self._queue.add_after(name, verdict.recheck_seconds)

    async def _give_up(self, node: Node, conditions: list[NodeCondition]) -> Node:
        was_ready = ready_status(node) == "True"
        node = await self._nodes.update(
            replace(node, status=replace(node.status, conditions=conditions)), subresource="status"
        )
        if was_ready:
            self._tell_not_ready(node)
        self._observe_zone(node.metadata.name, node)
        return node

    async def _taint(self, node: Node, monotonic: float, now: float) -> None:
        evict = False
        if no_execute(node) is not None and not is_evicting(node):
            delay = self._pacing.try_evict(node, monotonic)
            evict = delay is None
            if delay is not None:
                self._queue.add_after(node.metadata.name, delay)
        taints = wanted(node, evict=evict, now=now)
        if self._pacing.full_disruption:
            taints = without_eviction(taints)
        if taints == node.spec.taints:
            return
        if evict:
            metrics.evictions.labels(zone_of(node)).inc()
        await self._write_taints(node, taints)

    async def _write_taints(self, node: Node, taints: Iterable[Taint]) -> None:
        """The list is replaced as a whole, so it must still be the one that was read."""
        patch = {
            "metadata": {"resourceVersion": node.metadata.resource_version},
            "spec": {"taints": [_tree(taint) for taint in taints]},
        }
        await self._nodes.patch(node, patch)

    async def _mark_pods(self, pods: Iterable[Pod]) -> None:
        """Pods on a node that is not ready are taken to be not ready: traffic must go elsewhere."""
        for pod in pods:
            if is_ready(pod):
                await self._mark_pod(pod)

    async def _mark_pod(self, pod: Pod) -> None:
        ready = pod_condition(pod, "Ready")
        if ready is None:
            return
        stamp = timestamps.now_text(self._context.now())
        patch = {"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": stamp}]}}
        try:
            await self._pods.patch(pod, patch, kind=PatchKind.STRATEGIC, subresource="status")
        except NotFound:
            return
        self._recorder.record(pod, "Warning", "NodeNotReady", "Node is not ready")

    def _observe_zone(self, name: str, node: Node | None) -> None:
        """Take in a node's readiness; entering or leaving full disruption concerns every node."""
        disrupted = self._pacing.full_disruption
        if node is None:
            self._pacing.forget(name)
        else:
            self._pacing.put(node)
        metrics.expose(self._pacing)
        if self._pacing.full_disruption == disrupted:
            return
        if disrupted:
            # We may have been blind: every node gets its whole grace period again.
            now = self._stopwatch.read(self._context.clock.monotonic())
            self._signs = {name: replace_seen(sign, now) for name, sign in self._signs.items()}
        for each in self._nodes.items():
            self._queue.add(each.metadata.name)

    def _tell_not_ready(self, node: Node) -> None:
        name = node.metadata.name
        self._recorder.record(node, NORMAL, "NodeNotReady", f"Node {name} status is now: NodeNotReady")

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        known = new or old
        if known is None:
            return
        name = known.metadata.name
        if old is None:
            words = f"Node {name} event: Registered Node {name} in Controller"
            self._recorder.record(known, NORMAL, "RegisteredNode", words)
        elif new is None:
            words = f"Node {name} event: Removing Node {name} from Controller"
            self._recorder.record(known, NORMAL, "RemovingNode", words)
        elif ready_status(old) == "True" and ready_status(new) == "False":
            self._tell_not_ready(new)
        if old is None or new is None or _standing(old) != _standing(new):
            self._observe_zone(name, new)
        self._queue.add(name)

    def _hearing_changed(self, hearing: bool) -> None:
        self._stopwatch.hear(hearing, self._context.clock.monotonic())

    def _lease_changed(self, _old: Lease | None, new: Lease | None) -> None:
        if new is not None and new.metadata.namespace == LEASE_NAMESPACE:
            self._queue.add(new.metadata.name)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A pod that says it is ready on a node that is not."""
        if new is None or not is_ready(new) or (old is not None and is_ready(old)):
            return
        node = self._nodes.get("", new.spec.node_name)
        if node is not None and ready_status(node) != "True":
            self._queue.add(node.metadata.name)


def _standing(node: Node) -> tuple[str, str]:
    """What zones are judged by."""
    return zone_of(node), ready_status(node)


def replace_seen(sign: SignOfLife, now: float) -> SignOfLife:
    """The same sign of life, as if it had just been seen."""
    return SignOfLife(sign.heartbeat, sign.renewal, now)


def _tree(taint: Taint) -> dict[str, str]:
    tree = {"key": taint.key, "value": taint.value, "effect": taint.effect, "timeAdded": taint.time_added or ""}
    return {key: value for key, value in tree.items() if value}
