"""The scheduler without I/O: what it has seen comes in, what is to be done comes out.

Everything here is synchronous and takes the time as an argument (monotonic seconds). A pod that was given a node is
counted there at once, long before the API server says so; should the binding fail, it is taken off again.
Neighbour: `scheduler.shell` feeds the changes in and carries the decisions out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from api.types import Namespace, Node, Pod, PodDisruptionBudget, Service
from scheduler.attempt import Nomination, Unschedulable, attempt
from scheduler.config_file import Settings
from scheduler.cycle import Chosen
from scheduler.events import Change, ClusterEvent, NamespaceChange, PodChange, node_change
from scheduler.framework import Hint
from scheduler.plugins import volume_binding
from scheduler.pod_info import PodInfo, is_terminal, pod_info
from scheduler.preemption.candidates import Candidates
from scheduler.queue import Place, QueuedPod, SchedulingQueue, is_gated
from scheduler.snapshot import Snapshot
from scheduler.snapshot.volumes import VolumeDecision
from scheduler.snapshot.workloads import Owner
from scheduler.storage import Stored, store


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one attempt.

    denominated: waiting pods for which no room is made any more. volumes: what is to be done before the pod is bound.
    """

    queued: QueuedPod
    outcome: Chosen | Unschedulable
    denominated: tuple[QueuedPod, ...] = ()
    volumes: VolumeDecision | None = None


class Core:
    """The queue, the snapshot and the pods whose binding is under way."""

    def __init__(
        self,
        settings: Settings,
        random_source: random.Random,
        *,
        observe: Callable[[str, Place], None] = lambda _event, _place: None,
    ) -> None:
        self.profiles = settings.profiles
        self._hints: dict[tuple[str, str], Hint] = {
            (name, plugin.name): plugin.hint or _any_event
            for name, profile in settings.profiles.items()
            for plugin in profile.plugins
        }
        self._random = random_source
        self._candidates = Candidates()
        self._binding: dict[str, QueuedPod] = {}
        self.queue = SchedulingQueue(observe, settings.first_backoff, settings.max_backoff)
        self.snapshot = Snapshot()

    @property
    def binding(self) -> int:
        """How many pods are counted on nodes without the API server having shown them there."""
        return len(self._binding)

    def state_of(self, pod: Pod) -> str:
        """Where a pod stands: bound, binding, a place of the queue, or unknown when it is none of ours."""
        if pod.spec.node_name:
            return "bound"
        if pod.metadata.uid in self._binding:
            return "binding"
        queued = self.queue.get(pod.metadata.uid)
        return "unknown" if queued is None else queued.place.value

    def turned_down(self, profile: str, plugin: str) -> int:
        """How many waiting pods of a profile a plugin has turned nodes down for."""
        waiting = self.queue.waiting()
        return sum(plugin in q.rejected_by and q.pod.pod.spec.scheduler_name == profile for q in waiting)

    def node_changed(self, old: Node | None, new: Node | None, now: float) -> None:
        if new is not None:
            self.snapshot.put_node(new)
        elif old is not None:
            for uid in [uid for uid, placed in self.snapshot.nominated.items() if placed.node == old.metadata.name]:
                self._denominate(uid)
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

    def owner_changed(self, old: Owner | None, new: Owner | None) -> None:
        if new is None and old is not None:
            self.snapshot.workloads.remove_owner(old)
        elif new is not None and (old is None or old.spec.selector != new.spec.selector):
            self.snapshot.workloads.put_owner(new)

    def budget_changed(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        if new is not None:
            self.snapshot.budgets.put(new)
        elif old is not None:
            self.snapshot.budgets.remove(old.metadata.namespace, old.metadata.name)

    def storage_changed(self, old: Stored | None, new: Stored | None, now: float) -> None:
        event = store(self.snapshot.volumes, old, new)
        if event is not None:
            self._tell(event, now)

    def pod_changed(self, old: Pod | None, new: Pod | None, now: float) -> None:
        if old is not None and (new is None or old.metadata.uid != new.metadata.uid):
            self._pod_gone(old.metadata.uid, now)
        if new is None:
            return
        if is_terminal(new):
            self._pod_gone(new.metadata.uid, now)
        elif new.spec.node_name:
            self._pod_assigned(pod_info(new), now)
        elif new.spec.scheduler_name in self.profiles:
            self._pod_pending(old, new, now)

    def step(self, now: float) -> Decision | None:
        """Try the next pod; None when there is none to try now."""
        queued = self.queue.pop(now)
        if queued is None:
            return None
        profile = self.profiles[queued.pod.pod.spec.scheduler_name]
        outcome = attempt(queued.pod, self.snapshot, profile, self._random, self._candidates)
        if isinstance(outcome, Chosen):
            volumes = self._decide_volumes(queued.pod, outcome.node)
            self.snapshot.place(queued.pod, outcome.node)
            self._binding[queued.pod.uid] = queued
            return Decision(queued, outcome, volumes=volumes)
        if outcome.gives_up:
            self._denominate(queued.pod.uid)
        self.queue.unschedulable(queued, now, outcome.plugins)
        denominated = self._nominate(queued.pod, outcome.nomination, now) if outcome.nomination is not None else ()
        return Decision(queued, outcome, denominated)

    def _decide_volumes(self, pod: PodInfo, node: str) -> VolumeDecision | None:
        if not pod.claims:
            return None
        decision = volume_binding.decide(pod, self.snapshot, node)
        if not decision.static and not decision.provision:
            return None
        self.snapshot.volumes.assume(pod.uid, decision)
        return decision

    def preemption_failed(self, uid: str, nomination: Nomination, now: float) -> None:
        """Not all who were to make room for a pod could be removed: it looks for room anew."""
        self._denominate(uid)
        for victim in nomination.victims:
            self.snapshot.spare(victim.uid)
        queued = self.queue.get(uid)
        if queued is not None and queued.place is Place.UNSCHEDULABLE:
            self.queue.retry(queued, now, "PreemptionFailed")

    def binding_failed(self, queued: QueuedPod, now: float) -> None:
        """The API server did not take the binding: the pod is taken off its node and backs off."""
        uid = queued.pod.uid
        if self._binding.pop(uid, None) is None:
            return  # gone or bound meanwhile
        self.snapshot.volumes.forget(uid)
        self._freed(uid, now)
        self.queue.failed(queued, now)

    def _nominate(self, pod: PodInfo, nomination: Nomination, now: float) -> tuple[QueuedPod, ...]:
        """Count a pod where room is made for it; the pods for which there was to be room are returned."""
        losers = []
        for uid in nomination.denominated:
            self._denominate(uid)
            queued = self.queue.get(uid)
            if queued is not None:
                losers.append(queued)
                if queued.place is Place.UNSCHEDULABLE:
                    self.queue.retry(queued, now, "NominationLost")
        self.snapshot.place(pod, nomination.node, nominated=True)
        self.snapshot.doomed.update(victim.uid for victim in nomination.victims)
        return tuple(losers)

    def _denominate(self, uid: str) -> None:
        if uid in self.snapshot.nominated:
            self.snapshot.displace(uid)

    def _pod_gone(self, uid: str, now: float) -> None:
        self._binding.pop(uid, None)
        self.snapshot.volumes.forget(uid)
        self.snapshot.doomed.discard(uid)
        self.queue.remove(uid)
        self._freed(uid, now)

    def _freed(self, uid: str, now: float) -> None:
        placement = self.snapshot.displace(uid)
        if placement is not None:
            node = self.snapshot.nodes.record(placement.node)
            event = PodChange(Change.ASSIGNED_POD_DELETED, placement.pod, None, node)
            self._tell_nominated(placement.node, event, now)
            self._tell(event, now)

    def _pod_assigned(self, pod: PodInfo, now: float) -> None:
        self.queue.remove(pod.uid)
        self.snapshot.volumes.forget(pod.uid)
        newly = self._binding.pop(pod.uid, None) is not None
        before = self.snapshot.placement(pod.uid)
        node = self.snapshot.nodes.record(pod.pod.spec.node_name)
        if (
            before is not None
            and not before.nominated
            and before.node == pod.pod.spec.node_name
            and _counted_alike(before.pod, pod)
        ):
            self.snapshot.refresh(pod)
            if newly:
                self._tell(PodChange(Change.POD_ASSIGNED, None, pod, node), now)
            return
        self.snapshot.place(pod, pod.pod.spec.node_name)
        change = Change.POD_ASSIGNED if before is None or newly else Change.ASSIGNED_POD_UPDATED
        self._tell(PodChange(change, before.pod if before else None, pod, node), now)

    def _pod_pending(self, old: Pod | None, pod: Pod, now: float) -> None:
        uid = pod.metadata.uid
        if pod.metadata.deletion_timestamp is not None:
            self._pod_gone(uid, now)
            return
        binding = self._binding.get(uid)
        if binding is not None:
            binding.pod = replace(binding.pod, pod=pod)
            return
        info = pod_info(pod)
        self._follow_nomination(old, info)
        waiting = self.queue.get(uid)
        if waiting is None:
            self.queue.add(info, now)
            return
        before = waiting.pod.pod
        helpful = before.spec != pod.spec or before.metadata.labels != pod.metadata.labels
        self.queue.update(info, now, helpful=helpful)

    def _follow_nomination(self, old: Pod | None, pod: PodInfo) -> None:
        """Take over a nomination that was made elsewhere, or before this process was started."""
        before = old.status.nominated_node_name if old is not None else ""
        nominated = pod.pod.status.nominated_node_name
        if nominated == before or is_gated(pod):
            return  # what is known here may be newer than what the API server has told
        self._denominate(pod.uid)
        if self.snapshot.nodes.slot(nominated) is not None:
            self.snapshot.place(pod, nominated, nominated=True)

    def _tell(self, event: ClusterEvent, now: float) -> None:
        """Retry the waiting pods that the event may help."""
        for alike in self.queue.kinds():
            if self._helps(alike[0], event):
                for queued in alike:
                    self.queue.retry(queued, now, event.change.value)

    def _tell_nominated(self, node: str, event: ClusterEvent, now: float) -> None:
        """Retry the pods that wait for room on a node if it is there now."""
        slot = self.snapshot.nodes.slot(node)
        if slot is None or not self.snapshot.nominated:
            return
        for uid in [placed.pod.uid for placed in self.snapshot.on_slot(slot) if placed.nominated]:
            queued = self.queue.get(uid)
            if queued is None or queued.place is not Place.UNSCHEDULABLE:
                continue
            with self.snapshot.without([uid]):
                helped = self._helps(queued, event)
            if helped:
                self.queue.retry(queued, now, event.change.value)

    def _helps(self, queued: QueuedPod, event: ClusterEvent) -> bool:
        profile = queued.pod.pod.spec.scheduler_name
        return not queued.rejected_by or any(
            self._hints[profile, plugin](queued.pod, event, self.snapshot) for plugin in queued.rejected_by
        )


def _any_event(_pod: PodInfo, _event: ClusterEvent, _snapshot: Snapshot) -> bool:
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
