"""A storage that follows a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api import codec, scheme
from api.types import ConfigMap, ObjectMeta
from apiserver.etcd.config import EtcdConfig
from apiserver.storage.storage import Storage
from apiserver.stored import Stored
from tests.support.etcd import Etcd

CONFIG_MAPS = scheme.find("configmaps")
SERVICES = scheme.find("services")
EVENTS = scheme.by_path("", "v1", "events")
DEADLINE = 60.0


class Open:
    """A storage that follows etcd."""

    def __init__(self, etcd: Etcd, *, exclusive: bool = False) -> None:
        resources = [CONFIG_MAPS, SERVICES, EVENTS]
        self.storage = Storage(EtcdConfig((etcd.endpoint,)), resources, exclusive=exclusive)
        self.reader = self.storage.reader(CONFIG_MAPS)
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Open:
        await self.storage.feed.load()
        self._following = asyncio.create_task(self.storage.feed.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._following is not None
        self._following.cancel()
        await asyncio.wait([self._following])
        await self.storage.close()

    async def create(self, name: str, namespace: str = "default", value: str = "") -> Stored:
        return await self.storage.store.create(
            CONFIG_MAPS, "configmaps", namespace, name, data_of(name, namespace, value)
        )


def data_of(name: str, namespace: str = "default", value: str = "", uid: str = "") -> bytes:
    metadata = ObjectMeta(name=name, namespace=namespace, uid=uid or f"u-{name}")
    return codec.encode(ConfigMap(metadata=metadata, data={"k": value}))


@pytest.fixture
async def opened(etcd: Etcd) -> AsyncIterator[Open]:
    async with Open(etcd) as opened:
        yield opened
