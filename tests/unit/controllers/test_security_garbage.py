"""A reference that lies about an owner costs nobody but the object that bears it."""

import pytest

from api import codec
from api.errors import NotFound
from api.types import ClusterRole, ConfigMap, ObjectMeta, Secret
from controllers.garbage_collector import controller as module
from controllers.garbage_collector.controller import GarbageCollector

OWNER = {"apiVersion": "v1", "kind": "Secret", "name": "owner", "uid": "owner-uid"}


class Queue:
    def __init__(self):
        self.added = []

    def add(self, uid):
        self.added.append(uid)

    def add_after(self, uid, seconds):
        self.added.append(uid)


class Mirror:
    def add_handler(self, handler):
        self.handler = handler


class Recorder:
    def __init__(self):
        self.events = []

    def record(self, bearer, kind, reason, message):
        self.events.append((bearer.metadata.name, kind, reason, message))


class Context:
    def __init__(self, client):
        self.client, self.mirrors, self.events = client, {}, Recorder()

    def recorder(self, component):
        return self.events

    def controller(self, name, reconcile, workers):
        return Queue()

    def mirror(self, record):
        return self.mirrors.setdefault(record, Mirror())


class Client:
    """Has objects by record, namespace and name; notes what is asked and deleted."""

    def __init__(self):
        self.objects, self.asked, self.deleted = {}, [], []

    async def get(self, record, name, namespace):
        self.asked.append((record, namespace, name))
        if (record, namespace, name) not in self.objects:
            raise NotFound("configmaps", name)
        return self.objects[record, namespace, name]

    async def delete(self, record, name, namespace, **preconditions):
        self.deleted.append((namespace, name))


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def context(client):
    return Context(client)


@pytest.fixture
def collector(context):
    return GarbageCollector(context)


def make(record, namespace, name, *owners):
    metadata = {"name": name, "namespace": namespace, "uid": f"{name}-uid", "ownerReferences": list(owners)}
    return record(metadata=codec.from_tree(ObjectMeta, metadata))


def seen(context, *objects):
    for each in objects:
        context.mirrors[type(each)].handler(None, each)


@pytest.mark.parametrize(
    ("namespace", "lie"),
    [("evil", {}), ("victim", {"name": "other"}), ("victim", {"kind": "ConfigMap"})],
    ids=["another namespace", "another name", "another kind"],
)
async def test_a_wrong_reference_does_not_end_the_owner_of_others(client, context, collector, namespace, lie):
    owner = make(Secret, "victim", "owner")
    client.objects[Secret, "victim", "owner"] = owner
    seen(context, make(ConfigMap, namespace, "liar", OWNER | lie), make(ConfigMap, "victim", "dependent", OWNER))
    await collector.collect("liar-uid")  # the owner itself has not been seen yet
    await collector.collect("dependent-uid")
    seen(context, owner)
    await collector.collect("dependent-uid")
    assert client.deleted == [(namespace, "liar")]


@pytest.mark.parametrize(("namespace", "lie"), [("evil", {}), ("victim", {"name": "other"})])
async def test_a_wrong_reference_to_an_owner_that_is_known_counts_as_none(context, collector, client, namespace, lie):
    seen(context, make(Secret, "victim", "owner"), make(ConfigMap, namespace, "liar", OWNER | lie))
    seen(context, make(ConfigMap, "victim", "dependent", OWNER))
    assert collector._collect.added == ["liar-uid"]
    await collector.collect("liar-uid")
    assert client.deleted == [(namespace, "liar")]
    text = 'ownerRef [v1/Secret, namespace: evil, name: owner, uid: owner-uid] does not exist in namespace "evil"'
    told = [("liar", "Warning", "OwnerRefInvalidNamespace", text)]
    assert context.events.events == (told if namespace == "evil" else [])


async def test_an_owner_found_missing_is_asked_for_once(client, context, collector):
    seen(context, *[make(ConfigMap, "default", f"dependent-{number}", OWNER) for number in range(5)])
    for number in range(5):
        await collector.collect(f"dependent-{number}-uid")
    assert len(client.asked) == 1 and len(client.deleted) == 5


async def test_what_was_found_missing_is_not_kept_without_bound(monkeypatch, client, context, collector):
    monkeypatch.setattr(module, "MAX_MISSING", 10)
    for number in range(30):
        seen(context, make(ConfigMap, "default", f"liar-{number}", OWNER | {"uid": str(number)}))
        await collector.collect(f"liar-{number}-uid")
    assert len(client.deleted) == 30 and len(collector._missing) == 10


async def test_a_cluster_scoped_object_is_never_deleted_for_a_namespaced_owner(client, context, collector):
    owner, role = make(Secret, "default", "owner"), make(ClusterRole, "", "role", OWNER)
    seen(context, owner, role)
    await collector.collect("role-uid")
    context.mirrors[Secret].handler(owner, None)
    await collector.collect("role-uid")
    assert client.deleted == []
    assert {event[:3] for event in context.events.events} == {("role", "Warning", "OwnerRefInvalidNamespace")}
