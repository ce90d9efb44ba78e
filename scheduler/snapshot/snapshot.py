"""The cluster as the scheduler believes it to be: what it has seen, plus the pods it has just placed itself."""

from __future__ import annotations

from dataclasses import dataclass

from api.types import Namespace, Node
from scheduler.pod_info import PodInfo
from scheduler.snapshot.nodes import NodeTable
from scheduler.snapshot.pods import PodTable
from scheduler.snapshot.workloads import Workloads


@dataclass(frozen=True, slots=True)
class Placement:
    """A pod on a node, as it is counted."""

    pod: PodInfo
    node: str
    slot: int


class Snapshot:
    """Nodes, the pods on them, what owns those, and the labels of namespaces, kept up to date in place."""

    def __init__(self) -> None:
        self.nodes = NodeTable()
        self.pods = PodTable()
        self.workloads = Workloads()
        self.namespace_labels: dict[str, dict[str, str]] = {}
        self._placements: dict[str, Placement] = {}

    @property
    def placed(self) -> int:
        """How many pods are counted on nodes."""
        return len(self._placements)

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

    def place(self, pod: PodInfo, node: str) -> None:
        """Count a pod on a node, instead of where and how it was counted before."""
        self.displace(pod.uid)
        slot = self.nodes.occupy(node, pod.requests, pod.scoring_cpu, pod.scoring_memory)
        self.pods.add(pod, slot)
        self._placements[pod.uid] = Placement(pod, node, slot)

    def displace(self, uid: str) -> Placement | None:
        """Stop counting a pod; returns how it was counted."""
        placement = self._placements.pop(uid, None)
        if placement is not None:
            pod = placement.pod
            self.pods.remove(pod, placement.slot)
            self.nodes.vacate(placement.node, pod.requests, pod.scoring_cpu, pod.scoring_memory)
        return placement
