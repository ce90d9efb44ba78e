"""The order of admission plugins, and which of them a write passes. Kinds without plugins pass at no cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from api.scheme import Resource
from apiserver.auth.user import User
from apiserver.requests import WriteOptions

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"
DELETE: Final = "DELETE"


class Request:
    """One write. `new` is None for deletes, `old` for creates; a subresource's `new` may be of another kind."""

    __slots__ = ("name", "namespace", "new", "old", "operation", "options", "resource", "subresource", "user")

    def __init__(
        self,
        user: User,
        operation: str,
        resource: Resource,
        subresource: str,
        namespace: str,
        name: str,
        new: Any,
        old: Any,
        options: WriteOptions,
    ) -> None:
        self.user = user
        self.operation = operation
        self.resource = resource
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
        self.new = new
        self.old = old
        self.options = options


class Plugin:
    """Refuses by raising `api.errors`, changes by returning another record."""

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        """Whether such writes concern this plugin at all; asked once per combination."""
        raise NotImplementedError

    async def create(self, request: Request) -> Any:
        """The record to store. May wait for the caches."""
        return request.new

    def update(self, request: Request) -> Any:
        """The record to store. Runs between read and write: must not wait."""
        return request.new

    def delete(self, request: Request) -> None:
        """Refuse or let pass. Must not wait."""


class Admission:
    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)
        self._chains: dict[tuple[str, Resource, str], tuple[Plugin, ...]] = {}

    async def create(self, request: Request) -> Any:
        for plugin in self._chain(request):
            request.new = await plugin.create(request)
        return request.new

    def update(self, request: Request) -> Any:
        for plugin in self._chain(request):
            request.new = plugin.update(request)
        return request.new

    def delete(self, request: Request) -> None:
        for plugin in self._chain(request):
            plugin.delete(request)

    def _chain(self, request: Request) -> tuple[Plugin, ...]:
        key = (request.operation, request.resource, request.subresource)
        chain = self._chains.get(key)
        if chain is None:
            chain = tuple(plugin for plugin in self._plugins if plugin.handles(*key))
            self._chains[key] = chain
        return chain
