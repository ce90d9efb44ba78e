"""A refusal by what the cache says is in use counts once the cache is up to date."""

from __future__ import annotations

from typing import Any

import pytest

from api import scheme
from api.errors import FieldError
from api.types import ObjectMeta, Service, ServiceSpec
from apiserver.admission.chain import Admission
from apiserver.auth.user import User
from apiserver.registry.allocation import Unallocated
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.strategy import Strategy
from apiserver.requests import WriteOptions
from apiserver.stored import Stored

SERVICES = scheme.find("services")


class LateReader:
    """Knows the truth only once it was told to catch up."""

    def __init__(self) -> None:
        self.caught_up = 0

    async def fresh(self, revision: int | None) -> None:
        self.caught_up += 1


class Addresses(Strategy):
    """Takes the address for used until the reader has caught up; for ever with `taken`."""

    def __init__(self, reader: LateReader, taken: bool) -> None:
        super().__init__(SERVICES)
        self._reader = reader
        self._taken = taken

    def validate_create(self, record: Any) -> list[FieldError]:
        return []

    def allocate(self, new: Any, old: Any | None) -> Any:
        if self._taken or not self._reader.caught_up:
            raise Unallocated("Service", new.metadata.name, [FieldError.invalid("spec.clusterIPs", [], "taken")])
        return new, ()


class Store:
    async def create(self, resource: Any, storage: str, namespace: str, name: str, data: bytes, **more: Any) -> Stored:
        return Stored(resource, namespace, name, 7, data)


def registry(*, taken: bool) -> tuple[ObjectRegistry, LateReader]:
    reader: Any = LateReader()
    store: Any = Store()
    return ObjectRegistry(SERVICES, reader, store, Addresses(reader, taken), Admission([])), reader


def service() -> Service:
    return Service(metadata=ObjectMeta(name="s", namespace="default"), spec=ServiceSpec())


async def test_an_address_freed_a_moment_ago_can_be_had() -> None:
    services, reader = registry(taken=False)
    made = await services.create_record(User("u"), service(), WriteOptions())
    assert (made.created, reader.caught_up) == (True, 1)


async def test_one_that_is_taken_is_refused_after_one_more_look() -> None:
    services, reader = registry(taken=True)
    with pytest.raises(Unallocated):
        await services.create_record(User("u"), service(), WriteOptions())
    assert reader.caught_up == 1
