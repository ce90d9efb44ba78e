from typing import Any

import pytest
from msgspec.structs import replace

from api.errors import NotFound
from controllers.context import by_controller, controlled_by
from controllers.mirror import Mirror, key_of
from tests.support.objects import owner, pod, replica_set


class Source:
    """An informer that shows what it is told to show."""

    def __init__(self) -> None:
        self.revision = 1
        self.objects: dict[tuple[str, str], Any] = {}

    def show(self, revision: int, *objects: Any) -> None:
        self.revision = revision
        self.objects = {key_of(each): each for each in objects}

    def get(self, namespace, name):
        return self.objects.get((namespace, name))

    def items(self):
        return list(self.objects.values())

    def by_index(self, _index, value):
        return [each for each in self.objects.values() if value in by_controller(each)]

    def add_handler(self, handler):
        self.tell = handler


class Server:
    """Answers writes with the object at the next revision."""

    def __init__(self) -> None:
        self.revision = 10
        self.gone = False
        self.left: Any = None

    async def create(self, object):
        return self._stamped(object)

    async def update(self, object, *, subresource=""):
        return self._stamped(object)

    async def patch(self, record, name, namespace, body, *, kind, subresource):
        self.body = body
        return self._stamped(self.next)

    async def delete(self, record, name, namespace, *, uid):
        if self.gone:
            raise NotFound("pods", name)

    async def get(self, record, name, namespace):
        if self.left is None:
            raise NotFound("pods", name)
        return self._stamped(self.left)

    def _stamped(self, object):
        self.revision += 1
        return replace(object, metadata=replace(object.metadata, resource_version=str(self.revision)))


@pytest.fixture
def world():
    source, server = Source(), Server()
    return source, server, Mirror(server, source, {"controller": by_controller})


def names(objects):
    return sorted(each.metadata.name for each in objects)


async def test_what_was_created_is_there_before_the_informer_shows_it(world):
    _source, _, mirror = world
    replicas = replica_set("web", {})
    mine = pod("mine", meta={"ownerReferences": [owner(replicas)]})
    created = await mirror.create(mine)
    assert mirror.get("default", "mine") == created
    assert names(mirror.by_index("controller", controlled_by(replicas))) == ["mine"]
    assert mirror.by_index("controller", controlled_by(replica_set("other", {}))) == []
    assert names(mirror.items()) == ["mine"]


async def test_the_newer_of_both_is_shown(world):
    source, _server, mirror = world
    old = pod("p")
    source.show(1, old)
    updated = await mirror.update(old)
    assert mirror.get("default", "p") is updated
    newer = replace(old, metadata=replace(old.metadata, resource_version="99"))
    source.show(99, newer)
    assert mirror.get("default", "p") is newer


async def test_once_the_informer_has_caught_up_it_alone_is_believed(world):
    """Created by us, deleted by somebody else: the informer has seen both."""
    source, server, mirror = world
    await mirror.create(pod("p"))
    source.show(server.revision + 1)
    assert mirror.get("default", "p") is None
    assert mirror.items() == []


async def test_what_was_deleted_is_gone_until_it_is_seen_to_be_deleted(world):
    source, _, mirror = world
    old = pod("p")
    source.show(1, old)
    assert await mirror.delete(old)
    assert mirror.get("default", "p") is None
    assert mirror.items() == []
    going = replace(old, metadata=replace(old.metadata, deletion_timestamp="2024-01-01T00:00:00Z"))
    source.show(2, going)
    assert mirror.get("default", "p") is going


async def test_another_object_of_the_same_name_is_not_hidden(world):
    source, _, mirror = world
    source.show(1, old := pod("p"))
    await mirror.delete(old)
    source.show(3, new := pod("p"))
    assert mirror.items() == [new]


async def test_deleting_what_is_gone_is_told_but_no_failure(world):
    source, server, mirror = world
    source.show(1, old := pod("p"))
    server.gone = True
    assert not await mirror.delete(old)
    assert mirror.items() == []


async def test_a_patch_is_meant_for_this_very_object(world):
    _source, server, mirror = world
    server.next = old = pod("p")
    await mirror.patch(old, {"metadata": {"labels": {"a": "b"}}})
    assert server.body == {"metadata": {"uid": old.metadata.uid, "labels": {"a": "b"}}}


async def test_nothing_is_kept_once_it_was_shown(world):
    source, _server, mirror = world
    created = await mirror.create(pod("p"))
    source.tell(None, created)
    assert not mirror._written
    await mirror.delete(created)
    source.tell(created, None)
    assert not mirror._deleted


async def test_what_takes_its_time_to_end_is_shown_as_ending(world):
    source, server, mirror = world
    source.show(1, old := pod("p"))
    server.left = replace(old, metadata=replace(old.metadata, deletion_timestamp="2024-01-01T00:00:00Z"))
    assert await mirror.terminate(old)
    shown = mirror.get("default", "p")
    assert shown is not None and shown.metadata.deletion_timestamp
    assert mirror.items() == [shown]


async def test_what_ended_at_once_is_shown_no_more_nor_is_its_successor_taken_for_it(world):
    source, server, mirror = world
    source.show(1, old := pod("p"))
    assert await mirror.terminate(old)
    assert mirror.get("default", "p") is None
    server.left = pod("p")
    assert await mirror.terminate(old)
    assert mirror.get("default", "p") is None


async def test_what_was_told_before_the_answer_came_is_not_kept(world):
    source, server, mirror = world
    source.show(20)
    await mirror.delete(pod("p"))
    await mirror.create(pod("q"))
    assert server.revision < source.revision
    assert (mirror._deleted, mirror._written) == ({}, {})


async def test_what_is_deleted_before_the_informer_showed_it_does_not_appear_for_a_moment(world):
    source, _server, mirror = world
    made = await mirror.create(pod("p"))
    await mirror.delete(made)
    source.show(int(made.metadata.resource_version), made)
    assert mirror.items() == []
