"""The namespace controller: deletes all content of every kind, then removes the finalizer."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from api import scheme
from api.errors import Conflict, NotFound, StatusError
from api.scheme import Resource
from api.types import Namespace, Pod
from controllers.context import Context
from controllers.namespace.plan import FINALIZER, TERMINATING, Content, finalized, status

NAME = "namespace"
PAGE_SIZE = 500
DELETIONS_AT_ONCE = 100
# How soon to look again at content that takes its time, beside being told when its pods are gone.
RECHECK_SECONDS = 1.0


def content_resources() -> list[Resource]:
    """Every kind that lives in namespaces, pods first: what runs should not see its surroundings vanish."""
    resources = [
        resource
        for resource in scheme.RESOURCES
        if resource.namespaced
        and resource.persistent
        and resource.stored_as is None
        and {"list", "delete"} <= set(resource.verbs)
    ]
    return sorted(resources, key=lambda resource: resource.record is not Pod)


class NamespaceController:
    """reconcile(name): empty a namespace that is being deleted."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._namespaces = context.mirror(Namespace)
        self._pods = context.mirror(Pod)
        self._resources = content_resources()
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._namespaces.add_handler(self._namespace_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, name: str) -> None:
        namespace = self._namespaces.get("", name)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return
        if FINALIZER not in namespace.spec.finalizers:
            return
        if namespace.status.phase != TERMINATING:
            wanted = replace(namespace, status=replace(namespace.status, phase=TERMINATING))
            namespace = await self._namespaces.update(wanted, subresource="status")
        content = Content()
        for resource in self._resources:
            await self._empty(resource, name, content)
            if resource.record is Pod and not content.empty:
                break  # all else waits for the pods
        if content.empty:
            await self._let_go(namespace)
        else:
            await self._report(namespace, content)
            self._queue.add_after(name, RECHECK_SECONDS)

    async def _empty(self, resource: Resource, namespace: str, content: Content) -> None:
        """Ask for the deletion of all objects of a kind; record what does not go at once."""
        found = await self._list(resource, namespace)
        going = [each for each in found if each.metadata.deletion_timestamp is None]
        for start in range(0, len(going), DELETIONS_AT_ONCE):
            part = going[start : start + DELETIONS_AT_ONCE]
            await asyncio.gather(*(self._delete(resource, each, content) for each in part))
        for object in await self._list(resource, namespace) if found else ():
            name = resource.group_resource
            content.remaining[name] = content.remaining.get(name, 0) + 1
            for finalizer in object.metadata.finalizers:
                content.finalizers[finalizer] = content.finalizers.get(finalizer, 0) + 1

    async def _list(self, resource: Resource, namespace: str) -> list[Any]:
        items: list[Any] = []
        token = ""
        while True:
            page = await self._client.list(resource.record, namespace, limit=PAGE_SIZE, continue_=token)
            items.extend(page.items)
            token = page.continue_
            if not token:
                return items

    async def _delete(self, resource: Resource, object: Any, content: Content) -> None:
        metadata = object.metadata
        try:
            await self._client.delete(
                resource.record, metadata.name, metadata.namespace, uid=metadata.uid, propagation="Background"
            )
        except (NotFound, Conflict):
            return
        except StatusError as error:
            content.failures.append(error.message)

    async def _let_go(self, namespace: Namespace) -> None:
        try:
            await self._client.update(finalized(namespace), subresource="finalize")
        except NotFound:
            return

    async def _report(self, namespace: Namespace, content: Content) -> None:
        wanted = status(namespace, content, self._context.now())
        if wanted == namespace.status:
            return
        try:
            await self._namespaces.update(replace(namespace, status=wanted), subresource="status")
        except NotFound:
            return

    def _namespace_changed(self, _old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self._queue.add(new.metadata.name)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A namespace's last pod is gone: the rest may follow."""
        if new is not None or old is None:
            return
        namespace = self._namespaces.get("", old.metadata.namespace)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return
        if not self._pods.by_index("namespace", old.metadata.namespace):
            self._queue.add(old.metadata.namespace)
