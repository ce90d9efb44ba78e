"""The registry of a stored kind: reads from the watch cache, writes through admission and strategy to etcd.

What differs between kinds is in their `Strategy`; what differs between the sides of one object in its views;
subresources of other kinds are `Subresource`s. Behaviour: upstream's generic registry store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from api import advice, codec, errors
from api.scheme import Resource
from api.types import DeleteOptions
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Admission, Request
from apiserver.admission.namespaces import NamespaceGuard
from apiserver.admission.quotas.groups import NewObject
from apiserver.admission.quotas.ledger import QuotaLedger
from apiserver.auth.user import User
from apiserver.registry import bodies, deletion, metadata, patching
from apiserver.registry.allocation import Unallocated
from apiserver.registry.bodies import Kind
from apiserver.registry.registry import Registry
from apiserver.registry.statuses import deleted_status
from apiserver.registry.strategy import Strategy
from apiserver.registry.subresource import Subresource
from apiserver.registry.views import View
from apiserver.requests import ListOptions, Page, Result, Stored, Watch, WriteOptions
from apiserver.storage.keys import storage_of
from apiserver.storage.reader import Reader
from apiserver.storage.store import Planned, SideConflict, Store

NAME_ATTEMPTS: Final = 8
DELETES_AT_ONCE: Final = 16
# Tries to get hold of what somebody else claims at the same time (an address, a port, a namespace).
CLAIM_ATTEMPTS: Final = 16

T = TypeVar("T")
Produce = Callable[[Stored], tuple[Any, tuple[str, ...]]]


class ObjectRegistry(Registry):
    """One stored resource. `namespaces` guards creation in namespaces, `quotas` bounds it; None for all other kinds."""

    def __init__(
        self,
        resource: Resource,
        reader: Reader,
        store: Store,
        strategy: Strategy,
        admission: Admission,
        namespaces: NamespaceGuard | None = None,
        quotas: QuotaLedger | None = None,
    ) -> None:
        super().__init__(resource)
        self.reader = reader
        self.strategy = strategy
        self.creates_on_update = strategy.create_on_update
        self.subresources: dict[str, Subresource] = {}
        self._store = store
        self._storage = storage_of(resource)
        self._admission = admission
        self._namespaces = namespaces
        self._quotas = quotas
        self._kind = Kind(resource.record, resource.api_version, resource.kind)
        self._views: Mapping[str, View] = strategy.views()

    def judged_by(self, strategy: Strategy) -> ObjectRegistry:
        """The same objects, written by other rules."""
        return ObjectRegistry(
            self.resource, self.reader, self._store, strategy, self._admission, self._namespaces, self._quotas
        )

    # Reads

    async def get(self, namespace: str, name: str, subresource: str = "", resource_version: str = "") -> Stored:
        if subresource and subresource not in self._views:
            return await self._subresource(subresource, "get").get(namespace, name, resource_version)
        return await self.reader.get(namespace, name, resource_version)

    async def list(self, namespace: str, options: ListOptions) -> Page:
        return await self.reader.list(namespace, options)

    def watch(self, namespace: str, options: ListOptions) -> Watch:
        return self.reader.watch(namespace, options)

    # Create

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        if subresource:
            handler = self._subresource(subresource, "create")
            return await handler.create(user, namespace, name, body, options)
        bodies.check_options("Create", options.dry_run, options.field_validation, field_manager=options.field_manager)
        record, warnings = bodies.decode(self._kind, body, options.field_validation)
        record = metadata.in_namespace(record, self.resource, namespace)
        if name:
            record = metadata.require_same_name(record, name)
        return await self.create_record(user, record, options, warnings)

    async def create_record(
        self, user: User, record: Any, options: WriteOptions, warnings: tuple[str, ...] = ()
    ) -> Result:
        """Create a decoded, defaulted object; with a generateName, under the first free name found."""
        metadata.require_place(record, self.resource)
        if record.metadata.name:
            return await self._create(user, record, record.metadata.name, options, warnings)
        for _ in range(NAME_ATTEMPTS):
            name = metadata.generated_name(record.metadata.generate_name)
            try:
                return await self._create(user, record, name, options, warnings)
            except errors.AlreadyExists:
                continue
        raise errors.generate_name_conflict(self.resource.group_resource, name)

    async def _create(
        self, user: User, record: Any, name: str, options: WriteOptions, warnings: tuple[str, ...]
    ) -> Result:
        record = replace(record, metadata=metadata.created(record.metadata, name, time.time()))
        namespace = record.metadata.namespace
        guard = None if self._namespaces is None else await self._namespaces.guard(namespace, self.resource, name)
        request = Request(user, CREATE, self.resource, "", namespace, name, record, None, options)
        record = self.strategy.prepare_create(await self._admission.create(request))
        self._refuse(name, self.strategy.validate_create(record))
        request.new = record
        warnings = (*warnings, *advice.create(record))

        async def attempt() -> Stored:
            nonlocal guard
            claimed, sides = self.strategy.allocate(record, None)
            data = codec.encode(claimed)
            if self._namespaces is not None:
                guard = guard or await self._namespaces.guard(namespace, self.resource, name)
                sides, guard = (*sides, guard), None
            ttl = self.strategy.ttl_seconds
            new = NewObject(self.resource, self._storage, namespace, name, data, ttl, sides)
            return await self._put_new(request, new)

        return Result(await self._claim(attempt), warnings, created=True)

    async def _put_new(self, request: Request, new: NewObject) -> Stored:
        quotas = self._quotas if self._quotas is not None and self._quotas.concerns(request) else None
        if request.options.dry_run:
            if quotas is not None:
                quotas.check(request)
            return await self._pretend_create(new.namespace, new.name, new.data)
        if quotas is not None:
            return await quotas.create(request, new)
        return await self._store.create(
            self.resource,
            self._storage,
            new.namespace,
            new.name,
            new.data,
            ttl_seconds=new.ttl_seconds,
            sides=new.sides,
        )

    async def _pretend_create(self, namespace: str, name: str, data: bytes) -> Stored:
        if await self._store.read(self.resource, self._storage, namespace, name) is not None:
            raise errors.AlreadyExists(self.resource.group_resource, name)
        return Stored(self.resource, namespace, name, 0, data)

    # Update and patch

    async def update(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        view = self._views.get(subresource)
        if view is None:
            handler = self._subresource(subresource, "update")
            return await handler.update(user, namespace, name, body, options)
        bodies.check_options("Update", options.dry_run, options.field_validation, field_manager=options.field_manager)
        record, warnings = bodies.decode(self._kind, body, options.field_validation)
        record = metadata.require_same_name(metadata.in_namespace(record, self.resource, namespace), name)
        if not record.metadata.resource_version and not self.strategy.unconditional_update:
            raise metadata.missing_resource_version(self.resource, name)
        return await self.write(user, namespace, name, subresource, view, lambda current: (record, warnings), options)

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
        view = self._views.get(subresource)
        if view is None:
            handler = self._subresource(subresource, "patch")
            return await handler.patch(user, namespace, name, body, patch_type, options)
        bodies.check_options(
            "Patch",
            options.dry_run,
            options.field_validation,
            field_manager=options.field_manager,
            force=options.force,
        )
        patch = patching.parse(self.resource.record, body, patch_type)

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            tree = msgspec.json.decode(current.data)
            record, warnings = patch.record(self._kind, tree, options.field_validation)
            record = metadata.in_namespace(record, self.resource, namespace)
            return metadata.require_same_name(record, name), warnings

        return await self.write(user, namespace, name, subresource, view, produce, options)

    async def write(
        self,
        user: User,
        namespace: str,
        name: str,
        subresource: str,
        view: View,
        produce: Produce,
        options: WriteOptions,
    ) -> Result:
        """Bring an object into the state `produce` makes of its present one, as far as `view` lets it.

        `produce` runs again whenever the object changed in between.
        """
        warnings: tuple[str, ...] = ()

        def plan(current: Stored) -> Planned:
            nonlocal warnings
            new, warnings = produce(current)
            if not subresource:
                warnings = (*warnings, *advice.update(new, current.record))
            return self._plan_write(user, current, new, subresource, view, options)

        stored, deleted = await self._update(namespace, name, plan, options)
        return Result(stored, warnings, deleted=deleted)

    def _plan_write(
        self, user: User, current: Stored, new: Any, subresource: str, view: View, options: WriteOptions
    ) -> Planned:
        resource, strategy = self.resource, self.strategy
        old = current.record
        metadata.check_update(resource, self._path(current), new.metadata, old.metadata, current.revision)
        new = view.prepare(replace(new, metadata=metadata.updated(new.metadata, old.metadata)), old)
        request = Request(user, UPDATE, resource, subresource, current.namespace, current.name, new, old, options)
        new = self._admission.update(request)
        self._refuse(current.name, view.validate(new, old))
        new, sides = strategy.allocate(new, old)
        if self._quotas is not None:
            request.new = new
            sides = (*sides, *self._quotas.check(request))
        data = codec.encode(new)
        marked = new.metadata.deletion_timestamp and not new.metadata.deletion_grace_period_seconds
        if marked and strategy.finalized(new):
            return Planned(data, delete=True, sides=strategy.release(old))
        if data == codec.without_resource_version(current.data):
            return Planned(None)
        return Planned(data, sides=sides, ttl_seconds=strategy.ttl_seconds)

    # Delete

    async def delete(
        self, user: User, namespace: str, name: str, delete_options: DeleteOptions, options: WriteOptions
    ) -> Result:
        bodies.check_options("Delete", options.dry_run)
        deletion.check_options(delete_options)
        if delete_options.dry_run:
            options = WriteOptions(dry_run=tuple(delete_options.dry_run))
        now = time.time()

        def plan(current: Stored) -> Planned:
            return self._plan_delete(user, current, delete_options, options, now)

        stored, deleted = await self._update(namespace, name, plan, options)
        status = None
        if deleted and not self.strategy.returns_deleted:
            status = deleted_status(self.resource, stored)
        warnings = deletion.warnings(self.strategy, delete_options)
        return Result(stored, warnings, deleted=deleted, status=status)

    async def delete_collection(
        self,
        user: User,
        namespace: str,
        list_options: ListOptions,
        delete_options: DeleteOptions,
        options: WriteOptions,
    ) -> Sequence[Stored]:
        page = await self.list(namespace, list_options)

        async def delete(stored: Stored) -> None:
            # Somebody else may be faster: then it is gone, as wanted.
            with suppress(errors.NotFound):
                await self.delete(user, stored.namespace, stored.name, delete_options, options)

        for start in range(0, len(page.items), DELETES_AT_ONCE):
            some = page.items[start : start + DELETES_AT_ONCE]
            for outcome in await asyncio.gather(*map(delete, some), return_exceptions=True):
                if outcome is not None:
                    raise outcome
        return page.items

    def _plan_delete(
        self,
        user: User,
        current: Stored,
        delete_options: DeleteOptions,
        options: WriteOptions,
        now: float,
    ) -> Planned:
        deletion.check_preconditions(self.resource, current, delete_options)
        old = current.record
        self._admission.delete(
            Request(user, DELETE, self.resource, "", current.namespace, current.name, None, old, options)
        )
        outcome = deletion.plan(self.strategy, old, delete_options, now)
        data = None
        if outcome.record is not None:
            data = codec.encode_stored(outcome.record)
        if outcome.gone:
            return Planned(data, delete=True, sides=self.strategy.release(old))
        return Planned(data, ttl_seconds=self.strategy.ttl_seconds)

    # Shared

    async def _update(
        self, namespace: str, name: str, plan: Callable[[Stored], Planned], options: WriteOptions
    ) -> tuple[Stored, bool]:
        if options.dry_run:
            return await self._pretend_update(namespace, name, plan)
        guess = self.reader.cache.get(namespace, name)

        async def attempt() -> tuple[Stored, bool]:
            return await self._store.update(self.resource, self._storage, namespace, name, guess, plan)

        return await self._claim(attempt)

    async def _pretend_update(
        self, namespace: str, name: str, plan: Callable[[Stored], Planned]
    ) -> tuple[Stored, bool]:
        current = await self._store.read(self.resource, self._storage, namespace, name)
        if current is None:
            raise errors.NotFound(self.resource.group_resource, name)
        planned = plan(current)
        if planned.data is None:
            return current, planned.delete
        data = codec.with_resource_version(planned.data, current.revision)
        return Stored(self.resource, namespace, name, current.revision, data), planned.delete

    async def _claim(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Carry out a transaction with side keys; again with fresh knowledge when one was not as expected."""
        fresh = False
        for _ in range(CLAIM_ATTEMPTS):
            try:
                return await attempt()
            except SideConflict:
                await self.reader.fresh(None)
            except Unallocated:
                if fresh:
                    raise
                # What is in the way may be gone for long, and only our cache not know it yet.
                await self.reader.fresh(None)
                fresh = True
        raise errors.ServerTimeout(self.resource.group_resource, "write", 1)

    def _refuse(self, name: str, problems: Sequence[errors.FieldError]) -> None:
        if problems:
            raise errors.Invalid(self.resource.group_kind, name, problems)

    def _path(self, stored: Stored) -> str:
        middle = f"{stored.namespace}/" if stored.namespace else ""
        return f"{self.resource.key_prefix}/{middle}{stored.name}"

    def _subresource(self, name: str, verb: str) -> Subresource:
        handler = self.subresources.get(name)
        if handler is None:
            raise self._unsupported(verb)
        return handler
