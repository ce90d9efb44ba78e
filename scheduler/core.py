"""The scheduler without I/O: what it has seen comes in, what is to be done comes out.

Everything here is synchronous and takes the time as an argument (monotonic seconds). A pod that was given a node is
counted there at once, long before the API server says so; should the binding fail, it is taken off again.
Neighbour: `scheduler.shell` feeds the changes in and carries the decisions out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from api.types import Namespace, Node, Pod, ReplicaSet, Service
from scheduler.cycle import Chosen, Unschedulable, choose_node
from scheduler.events import Change, ClusterEvent, NamespaceChange, PodChange, node_change
from scheduler.framework import Plugin
from scheduler.pod_info import PodInfo, is_terminal, pod_info
from scheduler.queue import Place, QueuedPod, SchedulingQueue
from scheduler.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one attempt."""

    queued: QueuedPod
    outcome: Chosen | Unschedulable


class Core:
    """The queue, the snapshot and the pods whose binding is under way."""

    def __init__(
        self,
        plugins: Sequence[Plugin],
        random_source: random.Random,
        *,
        scheduler_name: str,
        observe: Callable[[str, Place], None] = lambda _event, _place: None,
    ) -> None:
        self._plugins = plugins
        self._hints = {plugin.name: plugin.hint or _any_event for plugin in plugins}
        self._random = random_source
        self._scheduler_name = scheduler_name
        self._binding: dict[str, QueuedPod] = {}
        self.queue = SchedulingQueue(observe)
        self.snapshot = Snapshot()

    @property
    def binding(self) -> int:
        """How many pods are counted on nodes without the API server having shown them there."""
        return len(self._binding)

    @property
    def filter_names(self) -> list[str]:
        """The plugins that can turn nodes down."""
        return [plugin.name for plugin in self._plugins if plugin.filter is not None]

    def turned_down(self, plugin: str) -> int:
        """How many waiting pods a plugin has turned nodes down for."""
        return sum(plugin in queued.rejected_by for queued in self.queue.waiting())

    def node_changed(self, old: Node | None, new: Node | None, now: float) -> None:
        if new is not None:
            self.snapshot.put_node(new)
        elif old is not None:
            self.snapshot.remove_node(old.metadata.name)
        event = node_change(old, new)
        if event is not None:
            self._tell(event, now)

    def namespace_changed(self, old: Namespace | None, new: Namespace | None, now: float) -> None:
        if new is None:
            if old is not None:
                self.snapshot.remove_namespace(old.metadata.name)
            return
        self.snapshot.put_namespace(new)
        if old is not None and old.metadata.labels != new.metadata.labels:
            self._tell(NamespaceChange(), now)

    def service_changed(self, old: Service | None, new: Service | None) -> None:
        if new is not None:
            self.snapshot.workloads.put_service(new)
        elif old is not None:
            self.snapshot.workloads.remove_service(old.metadata.namespace, old.metadata.name)

    def replica_set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        if new is None and old is not None:
            self.snapshot.workloads.remove_replica_set(old.metadata.namespace, old.metadata.name)
        elif new is not None and (old is None or old.spec.selector != new.spec.selector):
            self.snapshot.workloads.put_replica_set(new)

    def pod_changed(self, old: Pod | None, new: Pod | None, now: float) -> None:
        if old is not None and (new is None or old.metadata.uid != new.metadata.uid):
            self._pod_gone(old.metadata.uid, now)
        if new is None:
            return
        if is_terminal(new):
            self._pod_gone(new.metadata.uid, now)
        elif new.spec.node_name:
            self._pod_assigned(pod_info(new), now)
        elif new.spec.scheduler_name == self._scheduler_name:
            self._pod_pending(new, now)

    def step(self, now: float) -> Decision | None:
        """Try the next pod; None when there is none to try now."""
        queued = self.queue.pop(now)
        if queued is None:
            return None
        outcome = choose_node(queued.pod, self.snapshot, self._plugins, self._random)
        if isinstance(outcome, Chosen):
            self.snapshot.place(queued.pod, outcome.node)
            self._binding[queued.pod.uid] = queued
        else:
            self.queue.unschedulable(queued, now, outcome.plugins)
        return Decision(queued, outcome)

    def binding_failed(self, queued: QueuedPod, now: float) -> None:
        """The API server did not take the binding: the pod is taken off its node and backs off."""
        uid = queued.pod.uid
        if self._binding.pop(uid, None) is None:
            return  # gone or bound meanwhile
        self._freed(uid, now)
        self.queue.failed(queued, now)

    def _pod_gone(self, uid: str, now: float) -> None:
        self._binding.pop(uid, None)
        self.queue.remove(uid)
        self._freed(uid, now)

    def _freed(self, uid: str, now: float) -> None:
        placement = self.snapshot.displace(uid)
        if placement is not None:
            node = self.snapshot.nodes.record(placement.node)
            self._tell(PodChange(Change.ASSIGNED_POD_DELETED, placement.pod, None, node), now)

    def _pod_assigned(self, pod: PodInfo, now: float) -> None:
        self.queue.remove(pod.uid)
        newly = self._binding.pop(pod.uid, None) is not None
        before = self.snapshot.placement(pod.uid)
        node = self.snapshot.nodes.record(pod.pod.spec.node_name)
        if before is not None and _counted_alike(before.pod, pod) and before.node == pod.pod.spec.node_name:
            if newly:
                self._tell(PodChange(Change.POD_ASSIGNED, None, pod, node), now)
            return
        self.snapshot.place(pod, pod.pod.spec.node_name)
        change = Change.POD_ASSIGNED if before is None or newly else Change.ASSIGNED_POD_UPDATED
        self._tell(PodChange(change, before.pod if before else None, pod, node), now)

    def _pod_pending(self, pod: Pod, now: float) -> None:
        uid = pod.metadata.uid
        if pod.metadata.deletion_timestamp is not None:
            self._pod_gone(uid, now)
            return
        binding = self._binding.get(uid)
        if binding is not None:
            binding.pod = replace(binding.pod, pod=pod)
            return
        waiting = self.queue.get(uid)
        if waiting is None:
            self.queue.add(pod_info(pod), now)
            return
        before = waiting.pod.pod
        helpful = before.spec != pod.spec or before.metadata.labels != pod.metadata.labels
        self.queue.update(pod_info(pod), now, helpful=helpful)

    def _tell(self, event: ClusterEvent, now: float) -> None:
        """Retry the waiting pods that the event may help."""
        for queued in self.queue.waiting():
            if not queued.rejected_by or any(self._hints[name](queued.pod, event) for name in queued.rejected_by):
                self.queue.retry(queued, now, event.change.value)


def _any_event(_pod: PodInfo, _event: ClusterEvent) -> bool:
    """The hint of a plugin that has none."""
    return True


def _counted_alike(old: PodInfo, new: PodInfo) -> bool:
    """The two states of a pod weigh the same in the snapshot."""
    return (
        old.requests == new.requests
        and old.labels == new.labels
        and old.terminating == new.terminating
        and old.host_ports == new.host_ports
    )
