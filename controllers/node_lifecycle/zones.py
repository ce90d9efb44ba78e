"""How fast a zone's nodes may be given up. Pure.

Source: upstream's node lifecycle controller. Normally one node every ten seconds. When most nodes of a small zone are
silent none is given up (of a large zone: one in 100 seconds). When no node of any zone is ready, the fault is more
likely ours than theirs: nothing is evicted, and what was begun is taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from api.types import Node
from controllers.node_lifecycle.health import ready_status

REGION_LABEL = "topology.kubernetes.io/region"
ZONE_LABEL = "topology.kubernetes.io/zone"

NODES_PER_SECOND = 0.1
SECONDARY_NODES_PER_SECOND = 0.01
LARGE_ZONE = 50
UNHEALTHY_THRESHOLD = 0.55


class ZoneState(StrEnum):
    NORMAL = "Normal"
    PARTIAL_DISRUPTION = "PartialDisruption"
    FULL_DISRUPTION = "FullDisruption"


def zone_of(node: Node) -> str:
    labels = node.metadata.labels
    return f"{labels.get(REGION_LABEL, '')}::{labels.get(ZONE_LABEL, '')}"


def zone_state(ready: int, not_ready: int) -> ZoneState:
    if ready == 0 and not_ready > 0:
        return ZoneState.FULL_DISRUPTION
    if not_ready > 2 and not_ready / (ready + not_ready) >= UNHEALTHY_THRESHOLD:
        return ZoneState.PARTIAL_DISRUPTION
    return ZoneState.NORMAL


class Pacing:
    """Per zone its state, and when the next of its nodes may be given up. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[str, bool]] = {}  # name -> zone, whether it is ready
        self._sizes: Counter[str] = Counter()
        self._ready: Counter[str] = Counter()
        self._states: dict[str, ZoneState] = {}
        self._next: dict[str, float] = {}

    @property
    def full_disruption(self) -> bool:
        """No node of any zone is ready."""
        return bool(self._states) and all(state is ZoneState.FULL_DISRUPTION for state in self._states.values())

    def states(self) -> dict[str, tuple[ZoneState, int, int]]:
        """Per zone its state, how many nodes it has and how many of them are ready."""
        return {zone: (state, self._sizes[zone], self._ready[zone]) for zone, state in self._states.items()}

    def observe(self, nodes: Iterable[Node]) -> None:
        """These are all nodes there are."""
        present = {node.metadata.name: node for node in nodes}
        for name in self._nodes.keys() - present.keys():
            self.forget(name)
        for node in present.values():
            self.put(node)

    def put(self, node: Node) -> None:
        """Take in one node as it is now."""
        self.forget(node.metadata.name)
        zone, ready = zone_of(node), ready_status(node) == "True"
        self._nodes[node.metadata.name] = zone, ready
        self._count(zone, ready, 1)

    def forget(self, name: str) -> None:
        """There is no such node any more."""
        if (known := self._nodes.pop(name, None)) is not None:
            self._count(*known, -1)

    def _count(self, zone: str, ready: bool, change: int) -> None:
        self._sizes[zone] += change
        self._ready[zone] += change * ready
        if self._sizes[zone]:
            self._states[zone] = zone_state(self._ready[zone], self._sizes[zone] - self._ready[zone])
        else:
            self._states.pop(zone, None)

    def try_evict(self, node: Node, now: float) -> float | None:
        """May the node be given up now? None when it may; else the seconds after which to ask again."""
        zone = zone_of(node)
        rate = self._rate(zone)
        if rate == 0:
            return 1 / NODES_PER_SECOND
        due = self._next.get(zone, 0.0)
        if now < due:
            return due - now
        self._next[zone] = now + 1 / rate
        return None

    def _rate(self, zone: str) -> float:
        if self.full_disruption:
            return 0.0
        if self._states.get(zone) is ZoneState.PARTIAL_DISRUPTION:
            return SECONDARY_NODES_PER_SECOND if self._sizes[zone] > LARGE_ZONE else 0.0
        return NODES_PER_SECOND
