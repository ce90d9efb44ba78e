"""NamespaceLifecycle: nothing is created in a namespace that is absent or on its way out.

Beyond upstream's check beforehand, the transaction itself is guarded by the namespace's revision: an object can
never come into being in a namespace that ended in the meantime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api import codec, errors
from api.scheme import Resource
from apiserver.admission.chain import DELETE, Plugin, Request
from apiserver.storage.keys import Keys
from apiserver.storage.reader import Reader
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})


class NamespaceGuard:
    """`reader` is that of namespaces; `storage` their place in etcd."""

    def __init__(self, reader: Reader, keys: Keys, storage: str) -> None:
        self._reader = reader
        self._keys = keys
        self._storage = storage

    async def guard(self, namespace: str, resource: Resource, name: str) -> Side:
        """A guard for the transaction that creates an object there.

        A quota leaves its mark on the namespace: whatever was begun in ignorance of it has to begin again.
        Raises `NotFound` when there is no such namespace, `Forbidden` when it is terminating.
        """
        found = self._reader.cache.get("", namespace)
        if found is None or found.fields["status.phase"] == "Terminating":
            # Made or re-made a moment ago, perhaps: ask again with the latest knowledge.
            await self._reader.fresh(None)
            found = self._reader.cache.get("", namespace)
        if found is None:
            raise errors.NotFound("namespaces", namespace)
        if found.fields["status.phase"] == "Terminating":
            raise terminating(resource, namespace, name)
        if resource.group_resource == "resourcequotas":
            return self._touched(found)
        return Side(self._keys.object(self._storage, namespace), expected=found.revision)

    def touch(self, namespace: str) -> Sequence[Side]:
        """Moves a namespace's revision, and with it the guard of every creation there that is under way."""
        found = self._reader.cache.get("", namespace)
        return () if found is None else (self._touched(found),)

    def _touched(self, found: Stored) -> Side:
        data = codec.without_resource_version(found.data)
        return Side(self._keys.object(self._storage, found.name), expected=found.revision, value=data)


class NamespaceLifecycle(Plugin):
    """Keeps the system's namespaces from being deleted."""

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == DELETE and resource.plural == "namespaces" and not resource.group

    def delete(self, request: Request) -> None:
        if request.name in IMMORTAL:
            raise errors.Forbidden("namespaces", request.name, "this namespace may not be deleted")


def terminating(resource: Resource, namespace: str, name: str) -> errors.Forbidden:
    """The refusal to create in a terminating namespace, with the cause clients look for."""
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    error = errors.Forbidden(resource.group_resource, name, why)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    error.details = {**(error.details or {}), "causes": [cause]}
    return error
