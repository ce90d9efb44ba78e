"""The cluster as the scheduler believes it to be: what it has seen, plus the pods it has just placed itself.

A nominated pod, for which others make room, counts on its node as if it were there: no pod of its priority or less may
take the room. It is set aside while it is tried itself, and while a more important pod is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from api.types import Namespace, Node
from scheduler.pod_info import PodInfo
from scheduler.snapshot.budgets import Budgets
from scheduler.snapshot.nodes import NodeTable
from scheduler.snapshot.pods import PodTable
from scheduler.snapshot.volumes import Volumes
from scheduler.snapshot.workloads import Workloads

_NOBODY: Mapping[str, Placement] = {}


@dataclass(frozen=True, slots=True)
class Placement:
    """A pod on a node, as it is counted; nominated: it is only to come there."""

    pod: PodInfo
    node: str
    slot: int
    nominated: bool = False


class Snapshot:
    """Nodes, the pods on them, what owns those, and the labels of namespaces, kept up to date in place."""

    def __init__(self) -> None:
        self.nodes = NodeTable()
        self.pods = PodTable()
        self.workloads = Workloads()
        self.budgets = Budgets()
        self.volumes = Volumes()
        self.namespace_labels: dict[str, dict[str, str]] = {}
        self.nominated: dict[str, Placement] = {}
        # Pods that are being removed to make room, before the API server has shown them going.
        self.doomed: set[str] = set()
        self._nominated_priorities: Counter[int] = Counter()
        self._placements: dict[str, Placement] = {}
        self._on_slot: dict[int, dict[str, Placement]] = {}

    @property
    def placed(self) -> int:
        """How many pods are counted on nodes; nominated ones are not there yet."""
        return len(self._placements) - len(self.nominated)

    @property
    def least_nominated_priority(self) -> float:
        """Infinity when no pod is nominated."""
        return min(self._nominated_priorities, default=float("inf"))

    def put_node(self, node: Node) -> None:
        self.nodes.put(node)

    def remove_node(self, name: str) -> None:
        self.nodes.remove(name)

    def put_namespace(self, namespace: Namespace) -> None:
        self.namespace_labels[namespace.metadata.name] = namespace.metadata.labels

    def remove_namespace(self, name: str) -> None:
        self.namespace_labels.pop(name, None)

    def placement(self, uid: str) -> Placement | None:
        """Where a pod is counted."""
        return self._placements.get(uid)

    def on_slot(self, slot: int) -> Iterable[Placement]:
        """The pods counted on a slot."""
        return self._on_slot.get(slot, _NOBODY).values()

    def place(self, pod: PodInfo, node: str, *, nominated: bool = False) -> None:
        """Count a pod on a node, instead of where and how it was counted before."""
        self.displace(pod.uid)
        slot = self.nodes.occupy(node, pod.requests, pod.scoring_cpu, pod.scoring_memory)
        self.pods.add(pod, slot)
        self._record(Placement(pod, node, slot, nominated))

    def refresh(self, pod: PodInfo) -> None:
        """Keep the new state of a pod that weighs what it did before."""
        placement = self._placements[pod.uid]
        self._denominate(placement)
        self._record(Placement(pod, placement.node, placement.slot, placement.nominated))

    def displace(self, uid: str) -> Placement | None:
        """Stop counting a pod; returns how it was counted."""
        placement = self._placements.pop(uid, None)
        if placement is not None:
            self._denominate(placement)
            there = self._on_slot[placement.slot]
            del there[uid]
            if not there:
                del self._on_slot[placement.slot]
            pod = placement.pod
            self.pods.remove(pod, placement.slot)
            self.nodes.vacate(placement.node, pod.requests, pod.scoring_cpu, pod.scoring_memory)
        return placement

    def spare(self, uid: str) -> None:
        """A pod is not being removed after all."""
        self.doomed.discard(uid)
        placement = self._placements.get(uid)
        if placement is not None:
            self.nodes.version[placement.slot] += 1

    @contextmanager
    def without(self, uids: Iterable[str]) -> Iterator[None]:
        """The snapshot as it would be without some pods; within, nothing else may change it but what is undone."""
        uids = tuple(uids)
        if not uids:
            yield
            return
        versions = self.nodes.version.copy()
        set_aside = [placement for uid in uids if (placement := self.displace(uid)) is not None]
        self.nodes.version[:] = versions
        try:
            yield
        finally:
            for placement in set_aside:
                self.place(placement.pod, placement.node, nominated=placement.nominated)
            self.nodes.version[:] = versions

    def _record(self, placement: Placement) -> None:
        uid = placement.pod.uid
        self._placements[uid] = placement
        self._on_slot.setdefault(placement.slot, {})[uid] = placement
        if placement.nominated:
            self.nominated[uid] = placement
            self._nominated_priorities[placement.pod.priority] += 1

    def _denominate(self, placement: Placement) -> None:
        if self.nominated.pop(placement.pod.uid, None) is not None:
            priority = placement.pod.priority
            self._nominated_priorities[priority] -= 1
            if not self._nominated_priorities[priority]:
                del self._nominated_priorities[priority]
