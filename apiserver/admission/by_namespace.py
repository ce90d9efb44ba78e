"""The objects of a kind by namespace, kept by listening to its watch cache.

Most namespaces have neither quotas nor limit ranges: for their objects admission costs one look-up that finds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from apiserver.storage.cache import ResourceCache
from apiserver.stored import Stored


class ByNamespace:
    """Follows `cache` from its first load on."""

    def __init__(self, cache: ResourceCache) -> None:
        self._namespaces: dict[str, dict[str, Stored]] = {}
        for stored in cache.items():
            self._changed(None, stored)
        cache.on_change(self._changed)

    def of(self, namespace: str) -> Collection[Stored]:
        """The namespace's objects, in no particular order."""
        return self._namespaces.get(namespace, _NOTHING).values()

    def _changed(self, old: Stored | None, new: Stored | None) -> None:
        if new is not None:
            self._namespaces.setdefault(new.namespace, {})[new.name] = new
        elif old is not None:
            members = self._namespaces[old.namespace]
            del members[old.name]
            if not members:
                del self._namespaces[old.namespace]


_NOTHING: Mapping[str, Stored] = {}
