"""A resource that another group's resource stores: events.k8s.io Events on top of core Events.

Every document is converted on its way in and out; names, revisions and selectors are those of the stored object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import msgspec

from api import codec
from api.scheme import Resource
from api.types import DeleteOptions
from apiserver import fields
from apiserver.auth.user import User
from apiserver.registry import bodies, metadata, patching
from apiserver.registry.bodies import Kind
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.registry import Registry
from apiserver.requests import ListOptions, Page, Result, Watch, WriteOptions
from apiserver.stored import Batch, Event, Stored

Convert = Callable[[Any], Any]


class ConvertedRegistry(Registry):
    """`outward` makes this resource's record from the stored one, `inward` the other way round."""

    def __init__(self, resource: Resource, stored: ObjectRegistry, outward: Convert, inward: Convert) -> None:
        super().__init__(resource)
        self.creates_on_update = stored.creates_on_update
        self._stored = stored
        self._outward = outward
        self._inward = inward
        self._kind = Kind(resource.record, resource.api_version, resource.kind)

    async def get(self, namespace: str, name: str, subresource: str = "", resource_version: str = "") -> Stored:
        return self._convert(await self._stored.get(namespace, name, subresource, resource_version))

    async def list(self, namespace: str, options: ListOptions) -> Page:
        page = await self._stored.list(namespace, self._in_stored_terms(options))
        items = [self._convert(stored) for stored in page.items]
        return Page(items, page.revision, page.continue_token, page.remaining)

    def watch(self, namespace: str, options: ListOptions) -> Watch:
        return _ConvertedWatch(self._stored.watch(namespace, self._in_stored_terms(options)), self._convert)

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        bodies.check_options("Create", options.dry_run, options.field_validation)
        record, warnings = bodies.decode(self._kind, body, options.field_validation)
        record = metadata.in_namespace(self._inward(record), self.resource, namespace)
        return self._answer(await self._stored.create_record(user, record, options, warnings))

    async def update(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        bodies.check_options("Update", options.dry_run, options.field_validation)
        record, _ = bodies.decode(self._kind, body, options.field_validation)
        inward = codec.encode(self._inward(record))
        return self._answer(await self._stored.update(user, namespace, name, subresource, inward, options))

    async def patch(
        self,
        user: User,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        patch_type: str,
        options: WriteOptions,
    ) -> Result:
        bodies.check_options("Patch", options.dry_run, options.field_validation)
        patch = patching.parse(self.resource.record, body, patch_type)

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            tree = msgspec.json.decode(self._convert(current).data)
            record, warnings = patch.record(self._kind, tree, options.field_validation)
            return metadata.require_same_name(self._inward(record), name), warnings

        view = self._stored.strategy.views()[subresource]
        return self._answer(await self._stored.write(user, namespace, name, subresource, view, produce, options))

    async def delete(
        self, user: User, namespace: str, name: str, delete_options: DeleteOptions, options: WriteOptions
    ) -> Result:
        return self._answer(await self._stored.delete(user, namespace, name, delete_options, options))

    async def delete_collection(
        self,
        user: User,
        namespace: str,
        list_options: ListOptions,
        delete_options: DeleteOptions,
        options: WriteOptions,
    ) -> Sequence[Stored]:
        selected = self._in_stored_terms(list_options)
        deleted = await self._stored.delete_collection(user, namespace, selected, delete_options, options)
        return [self._convert(stored) for stored in deleted]

    def _in_stored_terms(self, options: ListOptions) -> ListOptions:
        return replace(options, field_selector=fields.in_stored_terms(self.resource, options.field_selector))

    def _convert(self, stored: Stored) -> Stored:
        data = codec.encode(self._outward(stored.record))
        return Stored(self.resource, stored.namespace, stored.name, stored.revision, data)

    def _answer(self, result: Result) -> Result:
        return Result(
            self._convert(result.stored),
            result.warnings,
            result.created,
            deleted=result.deleted,
            status=result.status,
        )


class _ConvertedWatch:
    def __init__(self, watch: Watch, convert: Callable[[Stored], Stored]) -> None:
        self._watch = watch
        self._convert = convert

    async def __aenter__(self) -> Self:
        await self._watch.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._watch.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[Batch]:
        async for batch in self._watch:
            events = [Event(event.type, self._convert(event.stored)) for event in batch.events]
            yield Batch(
                events,
                batch.revision,
                bookmark=batch.bookmark,
                initial_events_end=batch.initial_events_end,
            )
