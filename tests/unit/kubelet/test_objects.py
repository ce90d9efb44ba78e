"""ConfigMaps and Secrets that pods use: what changes between reading one and watching it is told all the same."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from api import errors
from api.types import ConfigMap, ObjectMeta
from cluster.client import ObjectList
from kubelet import objects
from kubelet.objects import ObjectCache

MAP = ConfigMap(metadata=ObjectMeta(name="cm", namespace="default", resource_version="7"), data={"a": "1"})


class OneObject:
    """A client of a server that holds one ConfigMap, or none; its watches tell nothing."""

    def __init__(self) -> None:
        self.held: ConfigMap | None = MAP

    async def get(self, record: type, name: str, namespace: str = "") -> ConfigMap:
        if self.held is None:
            raise errors.NotFound("configmaps", name)
        return self.held

    async def list(self, record: type, namespace: str = "", **options: Any) -> ObjectList[ConfigMap]:
        return ObjectList([] if self.held is None else [self.held], 8, "")

    async def watch(self, record: type, namespace: str = "", **options: Any) -> AsyncGenerator[Any, None]:
        await asyncio.Event().wait()
        yield


async def test_one_that_went_before_it_was_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "WATCH_AFTER_SECONDS", 0.0)
    client, changed = OneObject(), asyncio.Event()
    cache = ObjectCache(client)  # type: ignore[arg-type]
    assert await cache.get(ConfigMap, "default", "cm") == MAP
    client.held = None
    cache.subscribe(ConfigMap, "default", "cm", changed.set)
    await asyncio.wait_for(changed.wait(), 60)
    assert await cache.get(ConfigMap, "default", "cm") is None
    await cache.close()


async def test_a_failed_read_that_nobody_waits_for_is_no_complaint() -> None:
    begun, answer = asyncio.Event(), asyncio.Event()

    class Failing(OneObject):
        async def get(self, record: type, name: str, namespace: str = "") -> ConfigMap:
            begun.set()
            await answer.wait()
            raise errors.ServiceUnavailable("down")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    cache = ObjectCache(Failing())  # type: ignore[arg-type]
    alone = asyncio.create_task(cache.get(ConfigMap, "default", "cm"))
    await begun.wait()
    alone.cancel()
    await asyncio.wait({alone})
    answer.set()
    async with asyncio.timeout(60):
        await asyncio.wait(cache._reads.values())
    del alone
    gc.collect()
    assert complaints == []
