"""The informer: list then watch, resume, relist and tell only of differences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from api import errors
from api.types import ConfigMap, ObjectMeta
from cluster import informer as informer_module
from cluster.client import Event, EventType, ObjectList, WatchBatch
from cluster.informer import Informer


def config_map(name: str, version: int, namespace: str = "default", **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, resource_version=str(version)), data=data)


class ScriptedClient:
    """Answers each list and each watch with the next step of a script."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists = lists
        self.watches = watches
        self.watched_from: list[str] = []
        self.exhausted = asyncio.Event()

    async def list(self, record: type, namespace: str = "", **options: Any) -> ObjectList[ConfigMap]:
        step = self.lists.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def watch(
        self, record: type, namespace: str = "", *, resource_version: str = "", **options: Any
    ) -> AsyncGenerator[WatchBatch[ConfigMap], None]:
        self.watched_from.append(resource_version)
        if not self.watches:
            self.exhausted.set()
            await asyncio.Event().wait()
        for step in self.watches.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step


def added(version: int, *objects: ConfigMap) -> WatchBatch[ConfigMap]:
    return WatchBatch([Event(EventType.ADDED, object) for object in objects], version)


async def follow(
    client: ScriptedClient, prepare: Callable[[Informer[ConfigMap]], None] = lambda _: None, **options: Any
) -> tuple[Informer[ConfigMap], list[tuple[str, str]]]:
    """Run an informer until the script is used up; returns it and what its handler was told, as (old, new) versions."""
    informer: Informer[ConfigMap] = Informer(client, ConfigMap, **options)  # type: ignore[arg-type]
    told: list[tuple[str, str]] = []
    informer.add_handler(lambda old, new: told.append((_mark(old), _mark(new))))
    prepare(informer)
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(client.exhausted.wait(), 60)
    running.cancel()
    await asyncio.wait([running])
    return informer, told


def _mark(object: ConfigMap | None) -> str:
    return "-" if object is None else f"{object.metadata.name}@{object.metadata.resource_version}"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer_module, "FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(informer_module, "MAX_RETRY_SECONDS", 0.0)


async def test_lists_then_follows_the_watch() -> None:
    client = ScriptedClient(
        [ObjectList([config_map("a", 1)], 5)],
        [
            [
                added(6, config_map("b", 6)),
                WatchBatch([Event(EventType.MODIFIED, config_map("a", 7))], 7),
                WatchBatch([Event(EventType.DELETED, config_map("b", 8))], 8),
            ]
        ],
    )
    informer, told = await follow(client)
    assert told == [("-", "a@1"), ("-", "b@6"), ("a@1", "a@7"), ("b@6", "-")]
    assert informer.synced.is_set()
    assert client.watched_from == ["5", "8"], "an ended watch resumes where it was"
    assert informer.get("default", "a") == config_map("a", 7)
    assert informer.get("default", "b") is None


async def test_a_bookmark_moves_the_revision_on() -> None:
    client = ScriptedClient([ObjectList([], 5)], [[WatchBatch([], 90)]])
    informer, told = await follow(client)
    assert (informer.revision, told, client.watched_from) == (90, [], ["5", "90"])


async def test_an_expired_watch_lists_again_and_tells_only_of_differences() -> None:
    client = ScriptedClient(
        [
            ObjectList([config_map("gone", 1), config_map("same", 2), config_map("changed", 3)], 5),
            ObjectList([config_map("same", 2), config_map("changed", 8), config_map("new", 9)], 10),
        ],
        [[errors.Expired("too old resource version: 5 (9)")]],
    )
    _, told = await follow(client)
    assert told[3:] == [("gone@1", "-"), ("changed@3", "changed@8"), ("-", "new@9")]
    assert client.watched_from == ["5", "10"]


async def test_a_refused_list_is_tried_again() -> None:
    client = ScriptedClient([errors.ServiceUnavailable("down"), ObjectList([config_map("a", 1)], 5)], [])
    informer, _ = await follow(client)
    assert len(informer) == 1


async def test_pages_are_put_together_before_anyone_is_told() -> None:
    client = ScriptedClient([ObjectList([config_map("a", 1)], 5, "more"), ObjectList([config_map("b", 2)], 5)], [])
    _, told = await follow(client)
    assert told == [("-", "a@1"), ("-", "b@2")]


async def test_indexes_follow_the_objects() -> None:
    client = ScriptedClient(
        [ObjectList([config_map("a", 1, team="red"), config_map("b", 1, team="red")], 5)],
        [[WatchBatch([Event(EventType.MODIFIED, config_map("a", 6, team="blue"))], 6)]],
    )
    informer, _ = await follow(client, indexes={"team": lambda object: [object.data["team"]]})
    assert [o.metadata.name for o in informer.by_index("team", "red")] == ["b"]
    assert [o.metadata.name for o in informer.by_index("team", "blue")] == ["a"]
    assert informer.by_index("team", "green") == []


async def test_a_late_handler_hears_of_what_is_here() -> None:
    client = ScriptedClient([ObjectList([config_map("a", 1)], 5)], [])
    informer, _ = await follow(client)
    heard: list[str] = []
    informer.add_handler(lambda old, new: heard.append(_mark(new)))
    assert heard == ["a@1"]


async def test_who_asks_is_told_when_the_server_is_lost_and_before_what_it_tells_when_it_is_back() -> None:
    client = ScriptedClient(
        [ObjectList([], 5)],
        [
            [errors.ServiceUnavailable("down")],
            [errors.ServiceUnavailable("still down")],
            [added(6, config_map("a", 6)), added(7, config_map("b", 7))],
        ],
    )
    story: list[object] = []

    def prepare(informer: Informer[ConfigMap]) -> None:
        informer.add_hearing_handler(story.append)
        informer.add_handler(lambda old, new: story.append(_mark(new)))

    await follow(client, prepare)
    assert story == [True, False, True, "a@6", "b@7"]


async def test_a_watch_refused_again_and_again_is_asked_for_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(informer_module, "FIRST_RETRY_SECONDS", 1.0)
    monkeypatch.setattr(informer_module, "MAX_RETRY_SECONDS", 4.0)
    monkeypatch.setattr(informer_module.asyncio, "sleep", sleep)
    monkeypatch.setattr(informer_module.random, "uniform", lambda *_: 1.0)
    down = [errors.ServiceUnavailable("down")]
    client = ScriptedClient([ObjectList([], 5)], [down, down, down, down, [added(6, config_map("a", 6)), *down], down])
    await follow(client)
    assert waits == [1.0, 2.0, 4.0, 4.0, 1.0, 2.0]
