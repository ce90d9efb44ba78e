"""Who owns whom, across all kinds. Pure.

Source: upstream's garbage collector (graph builder). A node is an object; an owner that is referred to but has not been
seen is a virtual node until it is, or until nothing refers to it. Changes return what has to be looked at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from api.scheme import Resource
from api.types import ObjectMeta, OwnerReference

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
MAX_ABSENT = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Which object: its resource, where it is, and its uid."""

    resource: Resource
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class Node:
    """An object in the graph; metadata is None while it is virtual."""

    identity: Identity | None
    metadata: ObjectMeta | None = None
    dependents: set[str] = field(default_factory=set)

    @property
    def virtual(self) -> bool:
        return self.metadata is None

    @property
    def deleting(self) -> bool:
        return self.metadata is not None and self.metadata.deletion_timestamp is not None

    @property
    def foreground(self) -> bool:
        """It waits for its dependents to be deleted."""
        return self.deleting and self.metadata is not None and FOREGROUND in self.metadata.finalizers

    @property
    def orphaning(self) -> bool:
        """It is being deleted and its dependents are to stay."""
        return self.deleting and self.metadata is not None and ORPHAN in self.metadata.finalizers

    @property
    def owners(self) -> Iterable[OwnerReference]:
        return () if self.metadata is None else self.metadata.owner_references

    def is_meant(self, dependent: Identity, reference: OwnerReference) -> bool:
        """It has been seen, and is what the dependent calls its owner: a uid alone could reach across namespaces."""
        if self.identity is None:
            return False
        resource = self.identity.resource
        group = reference.api_version.rpartition("/")[0]
        if (group, reference.kind, reference.name) != (resource.group, resource.kind, self.identity.name):
            return False
        return not resource.namespaced or dependent.namespace == self.identity.namespace


@dataclass(frozen=True, slots=True)
class Affected:
    """Uids to look at: those that may have to go, and those whose dependents are to be set free."""

    collect: set[str] = field(default_factory=set)
    orphan: set[str] = field(default_factory=set)


class Graph:
    """All objects by uid, and the uids known not to exist any more."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._absent: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def is_absent(self, uid: str) -> bool:
        """The object is known to have existed no longer at some time; uids never come back."""
        return uid in self._absent

    def put(self, identity: Identity, metadata: ObjectMeta) -> Affected:
        """An object was added or changed."""
        node = self._nodes.setdefault(identity.uid, Node(identity))
        before = Node(node.identity, node.metadata, node.dependents)
        node.identity, node.metadata = identity, metadata
        affected = Affected()
        old_owners = {reference.uid: reference for reference in before.owners}
        new_owners = {reference.uid: reference for reference in metadata.owner_references}
        for uid in old_owners.keys() - new_owners.keys():
            self._unlink(uid, identity.uid, affected)
        for uid, reference in new_owners.items():
            if uid not in old_owners:
                self._link(reference, identity, affected)
            elif old_owners[uid].block_owner_deletion and not reference.block_owner_deletion:
                self._unblocked(uid, affected)
        self._note_transitions(before, node, affected)
        return affected

    def remove(self, uid: str) -> Affected:
        """An object is gone."""
        self._absent[uid] = None
        if len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)
        affected = Affected()
        node = self._nodes.pop(uid, None)
        if node is None:
            return affected
        affected.collect.update(node.dependents)
        for reference in node.owners:
            self._unlink(reference.uid, uid, affected)
        return affected

    def blocking_dependents(self, node: Node) -> list[Node]:
        """The dependents that must be gone before the node may go; one that owns itself does not wait for itself."""
        uid = node.identity.uid if node.identity is not None else ""
        dependents = [self._nodes[each] for each in node.dependents if each != uid]
        return [
            each
            for each in dependents
            if any(reference.uid == uid and reference.block_owner_deletion for reference in each.owners)
        ]

    def _link(self, reference: OwnerReference, dependent: Identity, affected: Affected) -> None:
        owner = reference.uid
        if owner in self._absent:
            affected.collect.add(dependent.uid)
            return
        node = self._nodes.get(owner)
        if node is None:
            node = self._nodes[owner] = Node(None)
        node.dependents.add(dependent.uid)
        if node.foreground or not node.is_meant(dependent, reference):
            affected.collect.add(dependent.uid)

    def _unlink(self, owner: str, dependent: str, affected: Affected) -> None:
        node = self._nodes.get(owner)
        if node is None:
            return
        node.dependents.discard(dependent)
        if node.virtual and not node.dependents:
            del self._nodes[owner]
        self._unblocked(owner, affected)

    def _unblocked(self, owner: str, affected: Affected) -> None:
        node = self._nodes.get(owner)
        if node is not None and node.foreground:
            affected.collect.add(owner)

    def _note_transitions(self, before: Node, now: Node, affected: Affected) -> None:
        if now.identity is None:
            return
        if now.orphaning and not before.orphaning:
            affected.orphan.add(now.identity.uid)
        if now.foreground and not before.foreground:
            affected.collect.add(now.identity.uid)
            affected.collect.update(now.dependents)
