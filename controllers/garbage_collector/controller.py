"""The garbage collector: feeds the graph from every kind's informer, carries decisions out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from api import scheme
from api.errors import NotFound
from api.scheme import Resource
from api.types import OwnerReference
from cluster.client import PatchKind
from cluster.events import WARNING
from cluster.workqueue import WorkQueue
from controllers.context import Context
from controllers.garbage_collector import plan
from controllers.garbage_collector.graph import ORPHAN, Affected, Graph, Identity, Node
from controllers.garbage_collector.plan import OwnerState

NAME = "garbage_collector"
WORKERS = 8
UNSEEN_OWNER_SECONDS = 30.0
MAX_MISSING = 10_000


def collected_resources() -> list[Resource]:
    """Every kind that is stored and can be deleted. Events come and go by themselves."""
    return [
        resource
        for resource in scheme.RESOURCES
        if resource.persistent
        and resource.stored_as is None
        and resource.plural != "events"
        and {"delete", "list", "watch"} <= set(resource.verbs)
    ]


class GarbageCollector:
    """Two queues of uids: objects that may have to go, and owners that leave orphans."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._context = context
        self._graph = Graph()
        self._recorder = context.recorder("garbage-collector-controller")
        self._missing: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._collect = context.controller(f"{NAME}_attempt_to_delete", self.collect, workers=WORKERS)
        self._orphan = context.controller(f"{NAME}_attempt_to_orphan", self.orphan, workers=2)
        for resource in collected_resources():
            context.mirror(resource.record).add_handler(self._handler(resource))

    async def collect(self, uid: str) -> None:
        """Decide about one object."""
        node = self._graph.get(uid)
        if node is None or node.identity is None or node.metadata is None:
            return
        if node.foreground:
            await self._advance_waiting(node)
        elif not node.deleting:
            await self._decide(node)

    async def orphan(self, uid: str) -> None:
        """Take an owner off its dependents, then let it go."""
        node = self._graph.get(uid)
        if node is None or not node.orphaning:
            return
        for dependent in [self._graph.get(each) for each in list(node.dependents)]:
            if dependent is not None:
                await self._drop_references(dependent, [uid])
        await self._remove_finalizer(node, ORPHAN)

    async def _decide(self, node: Node) -> None:
        owners = {reference.uid: await self._owner_state(node, reference) for reference in node.owners}
        dependents = [self._graph.get(uid) for uid in node.dependents]
        waiting = any(each is not None and each.foreground for each in dependents)
        if node.metadata is None:
            return
        action = plan.for_item(node.metadata, owners, waiting)
        if isinstance(action, plan.DropReferences):
            await self._drop_references(node, action.uids)
        elif isinstance(action, plan.Unblock):
            await self._unblock(node, action.uids)
            await self._delete(node, "Foreground")
        elif isinstance(action, plan.Delete):
            await self._delete(node, action.propagation)

    async def _advance_waiting(self, node: Node) -> None:
        blocking = [
            (each.identity.uid, each.foreground)
            for each in self._graph.blocking_dependents(node)
            if each.identity is not None
        ]
        action = plan.for_waiting(blocking)
        if isinstance(action, plan.RemoveFinalizer):
            await self._remove_finalizer(node, action.finalizer)
            return
        for uid in action.uids:
            self._collect.add(uid)

    async def _owner_state(self, node: Node, reference: OwnerReference) -> OwnerState:
        """Whether an owner is there; one that has not been seen is asked for, since deleting is for ever."""
        if _is_out_of_reach(node, reference):
            self._tell_unreachable(node, reference)
            return OwnerState.SOLID  # the reference is invalid; that is no reason to delete
        if self._graph.is_absent(reference.uid):
            return OwnerState.ABSENT
        owner = self._graph.get(reference.uid)
        if owner is not None and node.identity is not None and owner.is_meant(node.identity, reference):
            return OwnerState.FOREGROUND if owner.foreground else OwnerState.SOLID
        if owner is not None and owner.identity is not None and owner.identity.namespace:
            self._tell_unreachable(node, reference, owner.identity.namespace)
        # What one reference calls by a wrong name may live all the same, so the answer is not about the uid alone.
        namespace = node.identity.namespace if node.identity is not None else ""
        called = (reference.uid, reference.api_version, reference.kind, reference.name, namespace)
        if called not in self._missing and await self._exists(node, reference):
            return OwnerState.SOLID
        self._missing[called] = None
        if len(self._missing) > MAX_MISSING:
            self._missing.popitem(last=False)
        return OwnerState.ABSENT

    async def _exists(self, node: Node, reference: OwnerReference) -> bool:
        try:
            resource = scheme.by_kind(reference.api_version, reference.kind)
        except KeyError:
            return True  # a kind we do not know may well exist
        namespace = node.identity.namespace if node.identity is not None else ""
        try:
            owner: Any = await self._client.get(resource.record, reference.name, namespace)
        except NotFound:
            return False
        if owner.metadata.uid != reference.uid:
            return False
        if node.identity is not None:
            # Should it go before our informer has ever shown it, nothing else would tell us.
            self._collect.add_after(node.identity.uid, UNSEEN_OWNER_SECONDS)
        return True

    def _tell_unreachable(self, node: Node, reference: OwnerReference, namespace: str | None = None) -> None:
        """An event, in upstream's words, for an owner in a namespace that is not the object's own."""
        identity = node.identity
        if identity is None or identity.namespace == namespace:
            return
        known = f"{reference.api_version}/{reference.kind}, namespace: {identity.namespace}, name: {reference.name}"
        message = f'ownerRef [{known}, uid: {reference.uid}] does not exist in namespace "{identity.namespace}"'
        self._recorder.record(
            identity.resource.record(metadata=node.metadata), WARNING, "OwnerRefInvalidNamespace", message
        )

    async def _delete(self, node: Node, propagation: str) -> None:
        """Delete the object in the very state that was judged. Conflict means it has changed: it is judged again."""
        identity, metadata = node.identity, node.metadata
        if identity is None or metadata is None:
            return
        try:
            await self._client.delete(
                identity.resource.record,
                identity.name,
                identity.namespace,
                uid=identity.uid,
                resource_version=metadata.resource_version,
                propagation=propagation,
            )
        except NotFound:
            return

    async def _drop_references(self, node: Node, uids: list[str]) -> None:
        await self._patch_references(node, [{"$patch": "delete", "uid": uid} for uid in uids])

    async def _unblock(self, node: Node, uids: list[str]) -> None:
        await self._patch_references(node, [{"uid": uid, "blockOwnerDeletion": False} for uid in uids])

    async def _patch_references(self, node: Node, references: list[dict[str, Any]]) -> None:
        await self._patch(node, {"ownerReferences": references}, PatchKind.STRATEGIC)

    async def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        if node.metadata is None:
            return
        left = [each for each in node.metadata.finalizers if each != finalizer]
        # The list is replaced as a whole, so it must still be the one that was read.
        changes = {"finalizers": left, "resourceVersion": node.metadata.resource_version}
        await self._patch(node, changes, PatchKind.MERGE)

    async def _patch(self, node: Node, metadata: dict[str, Any], kind: PatchKind) -> None:
        identity = node.identity
        if identity is None:
            return
        body = {"metadata": {"uid": identity.uid, **metadata}}
        try:
            await self._client.patch(identity.resource.record, identity.name, identity.namespace, body, kind=kind)
        except NotFound:
            return

    def _handler(self, resource: Resource) -> Any:
        def changed(old: Any, new: Any) -> None:
            if old is not None and (new is None or old.metadata.uid != new.metadata.uid):
                self._examine(self._graph.remove(old.metadata.uid))
            if new is not None:
                metadata = new.metadata
                identity = Identity(resource, metadata.namespace, metadata.name, metadata.uid)
                self._examine(self._graph.put(identity, metadata))

        return changed

    def _examine(self, affected: Affected) -> None:
        _add_all(self._collect, affected.collect)
        _add_all(self._orphan, affected.orphan)


def _add_all(queue: WorkQueue[str], uids: Iterable[str]) -> None:
    for uid in uids:
        queue.add(uid)


def _is_out_of_reach(node: Node, reference: OwnerReference) -> bool:
    """An object of no namespace names an owner that is in some namespace."""
    if node.identity is None or node.identity.namespace:
        return False
    try:
        return scheme.by_kind(reference.api_version, reference.kind).namespaced
    except KeyError:
        return False
