"""The pods on nodes, as far as plugins ask about them: by labels, by affinity term, by host port.

Pods that look alike (same namespace, labels and state) form one group with a count per node, so a selector is
evaluated once per workload and not once per pod; the terms of pods already placed are pooled the same way.
Memory grows with pods, never with pods times nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scheduler.pod_info import HostPort, PodInfo
from scheduler.snapshot.slot_counts import SlotCounts
from scheduler.terms import Term, WeightedTerm

GroupKey = tuple[frozenset[tuple[str, str]], bool]


@dataclass(frozen=True, slots=True)
class PodGroup:
    """Pods that no selector can tell apart; `counts` says how many of them are on each slot."""

    namespace: str
    labels: Mapping[str, str]
    terminating: bool
    counts: SlotCounts = field(default_factory=SlotCounts)


class TermPool:
    """Terms of the placed pods, with how many pods per slot hold each."""

    def __init__(self) -> None:
        self._counts: dict[WeightedTerm, SlotCounts] = {}

    def count(self, term: WeightedTerm, slot: int, change: int) -> None:
        counts = self._counts.get(term)
        if counts is None:
            counts = self._counts[term] = SlotCounts()
        counts.change(slot, change)
        if not counts:
            del self._counts[term]

    def items(self) -> Iterable[tuple[WeightedTerm, SlotCounts]]:
        return self._counts.items()


class PodTable:
    """Groups, terms and host ports of the pods that are on nodes."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[GroupKey, PodGroup]] = {}
        self._ports: dict[tuple[str, int], dict[int, Counter[str]]] = {}
        self._claims: dict[tuple[str, str], SlotCounts] = {}
        self.required_affinity = TermPool()
        self.required_anti_affinity = TermPool()
        self.preferred = TermPool()

    def add(self, pod: PodInfo, slot: int) -> None:
        """Count a pod on a slot."""
        self._change(pod, slot, 1)

    def remove(self, pod: PodInfo, slot: int) -> None:
        """Undo `add` with the same arguments."""
        self._change(pod, slot, -1)

    def groups(self, namespace: str) -> Iterable[PodGroup]:
        """The groups of a namespace."""
        return self._groups.get(namespace, {}).values()

    def namespaces(self) -> Iterator[str]:
        """The namespaces that have pods on nodes."""
        return iter(self._groups)

    def uses_claim(self, namespace: str, name: str) -> bool:
        """Whether a pod on some node uses a claim."""
        return (namespace, name) in self._claims

    def claims(self) -> Iterable[tuple[tuple[str, str], SlotCounts]]:
        """The claims in use, by namespace and name, with how many pods of each slot use them."""
        return self._claims.items()

    def port_conflicts(self, wanted: HostPort) -> Iterator[int]:
        """The slots where a pod already holds the port on an address that overlaps with the wanted one."""
        for slot, addresses in self._ports.get((wanted.protocol, wanted.port), {}).items():
            if any(overlaps(wanted.address, address) for address in addresses):
                yield slot

    def _change(self, pod: PodInfo, slot: int, change: int) -> None:
        self._change_group(pod, slot, change)
        for port in pod.host_ports:
            self._change_port(port, slot, change)
        for name in pod.claims:
            counts = self._claims.setdefault((pod.namespace, name), SlotCounts())
            counts.change(slot, change)
            if not counts:
                del self._claims[pod.namespace, name]
        for pool, terms in (
            (self.required_affinity, _weightless(pod.required_affinity)),
            (self.required_anti_affinity, _weightless(pod.required_anti_affinity)),
            (self.preferred, pod.preferred),
        ):
            for term in terms:
                pool.count(term, slot, change)

    def _change_group(self, pod: PodInfo, slot: int, change: int) -> None:
        groups = self._groups.setdefault(pod.namespace, {})
        key = (frozenset(pod.labels.items()), pod.terminating)
        group = groups.get(key)
        if group is None:
            group = groups[key] = PodGroup(pod.namespace, pod.labels, pod.terminating)
        group.counts.change(slot, change)
        if not group.counts:
            del groups[key]
            if not groups:
                del self._groups[pod.namespace]

    def _change_port(self, port: HostPort, slot: int, change: int) -> None:
        key = (port.protocol, port.port)
        slots = self._ports.setdefault(key, {})
        addresses = slots.setdefault(slot, Counter())
        addresses[port.address] += change
        if not addresses[port.address]:
            del addresses[port.address]
        if not addresses:
            del slots[slot]
        if not slots:
            del self._ports[key]


def overlaps(address: str, other: str) -> bool:
    """Two host addresses cannot both be listened on at one port."""
    return address == other or "0.0.0.0" in (address, other) or "::" in (address, other)


def _weightless(terms: Iterable[Term]) -> Iterator[WeightedTerm]:
    return (WeightedTerm(term, 0) for term in terms)
