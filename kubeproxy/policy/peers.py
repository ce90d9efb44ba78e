"""Who is meant by a policy's selectors: groups of pods, kept up to date pod by pod.

A group is all pods of some namespaces with some labels. Policies share groups; a changed pod costs one match a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from api.selectors import LabelSelector

PodKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A port's name and protocol ("tcp", "udp", "sctp")."""

    protocol: str
    name: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod with an address of its own."""

    namespace: str
    name: str
    address: str
    labels: Mapping[str, str] = field(hash=False)
    node: str = ""
    ports: tuple[tuple[NamedPort, int], ...] = ()

    @property
    def key(self) -> PodKey:
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Group:
    """The pods `pods` selects in one namespace, or (namespaces given) in all whose labels it selects."""

    pods: LabelSelector
    namespace: str = ""
    namespaces: LabelSelector | None = None

    def matches(self, peer: Peer, namespace_labels: Mapping[str, str]) -> bool:
        if self.namespaces is None:
            inside = peer.namespace == self.namespace
        else:
            inside = self.namespaces.matches(namespace_labels)
        return inside and self.pods.matches(peer.labels)


class Peers:
    """All pods, and the members of the groups asked for."""

    def __init__(self) -> None:
        self._peers: dict[PodKey, Peer] = {}
        self._by_namespace: dict[str, dict[PodKey, Peer]] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._groups: dict[Group, dict[PodKey, str]] = {}

    def set_peer(self, key: PodKey, peer: Peer | None) -> None:
        """Note what a pod is now; None when it has no address any more."""
        namespace = self._by_namespace.setdefault(key[0], {})
        if peer is None:
            self._peers.pop(key, None)
            namespace.pop(key, None)
        else:
            self._peers[key] = namespace[key] = peer
        for group, members in self._groups.items():
            if peer is not None and group.matches(peer, self._labels(peer.namespace)):
                members[key] = peer.address
            else:
                members.pop(key, None)

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """Note a namespace's labels; None when it is gone."""
        if labels is None:
            self._namespaces.pop(name, None)
        else:
            self._namespaces[name] = labels
        for group, members in self._groups.items():
            if group.namespaces is not None:
                for key, peer in self._by_namespace.get(name, {}).items():
                    if group.matches(peer, self._labels(name)):
                        members[key] = peer.address
                    else:
                        members.pop(key, None)

    def follow(self, groups: Iterable[Group]) -> None:
        """Keep the members of these groups, and of no others."""
        wanted = set(groups)
        for group in self._groups.keys() - wanted:
            del self._groups[group]
        for group in wanted - self._groups.keys():
            self._groups[group] = {
                key: peer.address
                for key, peer in self._peers.items()
                if group.matches(peer, self._labels(peer.namespace))
            }

    def addresses(self, group: Group) -> frozenset[str]:
        """The addresses of a followed group's members."""
        return frozenset(self._groups[group].values())

    def listeners(self, port: NamedPort) -> frozenset[tuple[str, int]]:
        """Address and number of every pod's port of that name."""
        return frozenset(
            (peer.address, number) for peer in self._peers.values() for named, number in peer.ports if named == port
        )

    def on_node(self, node: str) -> list[Peer]:
        return [peer for peer in self._peers.values() if peer.node == node]

    def _labels(self, namespace: str) -> Mapping[str, str]:
        return self._namespaces.get(namespace, {})
