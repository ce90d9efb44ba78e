"""The garbage collector's graph and decisions, run against a pretended API server until nothing is left to do."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import codec, scheme
from api.types import ObjectMeta
from controllers.garbage_collector.graph import Graph, Identity
from controllers.garbage_collector.plan import (
    CollectDependents,
    Delete,
    DropReferences,
    Keep,
    OwnerState,
    RemoveFinalizer,
    Unblock,
    for_item,
    for_waiting,
)

SOLID, FOREGROUND, ABSENT = OwnerState.SOLID, OwnerState.FOREGROUND, OwnerState.ABSENT
CONFIG_MAPS = scheme.by_kind("v1", "ConfigMap")


def meta(uid, *owners, finalizers=(), deleting=False, block=True) -> ObjectMeta:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": owner, "blockOwnerDeletion": block}
        for owner in owners
    ]
    tree = {"name": uid, "namespace": "default", "uid": uid, "ownerReferences": references}
    if deleting:
        tree["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    return codec.from_tree(ObjectMeta, {**tree, "finalizers": list(finalizers)})


def put(graph, uid, *owners, **more):
    return graph.put(Identity(CONFIG_MAPS, "default", uid, uid), meta(uid, *owners, **more))


@pytest.mark.parametrize(
    ("owners", "waiting", "expected"),
    [
        ({}, False, Keep()),
        ({"a": SOLID}, False, Keep()),
        ({"a": ABSENT}, False, Delete("Background")),
        ({"a": SOLID, "b": ABSENT, "c": FOREGROUND}, False, DropReferences(["b", "c"])),
        ({"a": FOREGROUND, "b": ABSENT}, False, Delete("Foreground")),
        ({"a": FOREGROUND}, True, Unblock(["a"])),
    ],
)
def test_owners_decide(owners, waiting, expected):
    assert for_item(meta("x"), owners, waiting) == expected


@pytest.mark.parametrize(("finalizer", "expected"), [("orphan", "Orphan"), ("foregroundDeletion", "Foreground")])
def test_finalizers_set_beforehand_say_how_to_delete(finalizer, expected):
    assert for_item(meta("x", finalizers=[finalizer]), {"a": ABSENT}, False) == Delete(expected)


def test_an_object_that_waits_goes_when_nothing_blocks_it():
    assert for_waiting([]) == RemoveFinalizer("foregroundDeletion")
    assert for_waiting([("a", False), ("b", True)]) == CollectDependents(["a"])


def test_the_end_of_an_owner_concerns_its_dependents():
    graph = Graph()
    put(graph, "owner")
    put(graph, "dependent", "owner")
    assert graph.remove("owner").collect == {"dependent"}
    assert graph.is_absent("owner")


def test_a_dependent_that_comes_after_its_owners_end_is_looked_at():
    graph = Graph()
    put(graph, "owner")
    graph.remove("owner")
    assert put(graph, "late", "owner").collect == {"late"}


def test_an_owner_that_is_not_known_has_to_be_asked_for():
    graph = Graph()
    assert put(graph, "dependent", "unseen").collect == {"dependent"}
    assert graph.get("unseen").virtual
    put(graph, "unseen")
    assert not graph.get("unseen").virtual
    assert graph.remove("unseen").collect == {"dependent"}


def test_foreground_deletion_concerns_dependents_and_their_end_the_owner():
    graph = Graph()
    put(graph, "owner")
    put(graph, "dependent", "owner")
    deleting = put(graph, "owner", deleting=True, finalizers=["foregroundDeletion"])
    assert deleting.collect == {"owner", "dependent"}
    assert graph.remove("dependent").collect == {"owner"}
    assert graph.blocking_dependents(graph.get("owner")) == []


def test_only_dependents_that_block_hold_their_owner():
    graph = Graph()
    put(graph, "owner", deleting=True, finalizers=["foregroundDeletion"])
    put(graph, "free", "owner", block=False)
    assert graph.blocking_dependents(graph.get("owner")) == []
    put(graph, "bound", "owner")
    assert len(graph.blocking_dependents(graph.get("owner"))) == 1
    assert put(graph, "bound", "owner", block=False).collect == {"owner"}


def test_orphaning_is_noticed_once():
    graph = Graph()
    put(graph, "owner")
    assert put(graph, "owner", deleting=True, finalizers=["orphan"]).orphan == {"owner"}
    assert put(graph, "owner", deleting=True, finalizers=["orphan", "x"]).orphan == set()


def test_a_graph_that_everything_has_left_is_empty():
    graph = Graph()
    put(graph, "a", "ghost")
    put(graph, "b", "a", "ghost")
    graph.remove("a")
    graph.remove("b")
    assert len(graph) == 0


OBJECTS = st.dictionaries(
    st.integers(1, 9),
    st.tuples(st.sets(st.integers(0, 9), max_size=3), st.booleans()),
    max_size=9,
)


@settings(max_examples=200, deadline=None)
@given(OBJECTS, st.integers(1, 9), st.sampled_from(["Background", "Foreground", "Orphan"]), st.integers(0, 1000))
def test_collection_deletes_exactly_what_has_no_owner_left(objects, victim, policy, seed):
    """Object 0 never existed. After one deletion, what is left is what is reachable from roots, or was orphaned."""
    server = Server({f"{n}": ([f"{owner}" for owner in owners], block) for n, (owners, block) in objects.items()})
    before = set(server.held)
    server.run(random.Random(seed))
    assert set(server.held) == expected(objects, set())
    survivors = set(server.held)
    if f"{victim}" in survivors:
        server.delete(f"{victim}", policy)
        server.run(random.Random(seed))
        gone = {victim}
        if policy != "Orphan":
            assert set(server.held) == expected({n: objects[n] for n in objects if f"{n}" in survivors}, gone)
        else:
            assert set(server.held) == survivors - {f"{victim}"}
    assert set(server.held) <= before


def expected(objects, gone):
    """An object stays while one of its owners stays, or if it never had any. Circles keep themselves."""
    alive = {n for n in objects if n not in gone}
    while True:
        dead = {n for n in alive if objects[n][0] and not (objects[n][0] & alive)}
        if not dead:
            return {f"{n}" for n in alive}
        alive -= dead


class Server:
    """Holds objects, tells the graph of changes, and does what is decided, in random order."""

    def __init__(self, objects):
        self.held = {}
        self.graph = Graph()
        self.queue = set()
        self.orphans = set()
        for uid, (owners, block) in objects.items():
            self.write(uid, meta(uid, *owners, block=block))

    def write(self, uid, metadata):
        self.held[uid] = metadata
        self.note(self.graph.put(Identity(CONFIG_MAPS, "default", uid, uid), metadata))

    def note(self, affected):
        self.queue |= affected.collect
        self.orphans |= affected.orphan

    def end(self, uid):
        del self.held[uid]
        self.note(self.graph.remove(uid))

    def delete(self, uid, policy):
        finalizer = {"Background": [], "Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}[policy]
        if not finalizer:
            self.end(uid)
        else:
            self.rewrite(uid, deleting=True, finalizers=finalizer)

    def rewrite(self, uid, *, drop=(), unblock=(), **more):
        old = self.held[uid]
        references = [each for each in old.owner_references if each.uid not in drop]
        tree = codec.to_tree(meta(uid, finalizers=more.get("finalizers", old.finalizers)))
        tree["ownerReferences"] = [codec.to_tree(each) for each in references]
        for each in tree["ownerReferences"]:
            if each["uid"] in unblock:
                each["blockOwnerDeletion"] = False
        if more.get("deleting") or old.deletion_timestamp:
            tree["deletionTimestamp"] = "2024-01-01T00:00:00Z"
        self.write(uid, codec.from_tree(ObjectMeta, tree))

    def run(self, dice):
        for _ in range(2000):
            if self.orphans:
                self.orphan(self.orphans.pop())
            elif self.queue:
                uid = dice.choice(sorted(self.queue))
                self.queue.discard(uid)
                self.collect(uid)
            else:
                return
        raise AssertionError(f"does not come to an end: {self.held}")

    def orphan(self, uid):
        for dependent in sorted(self.graph.get(uid).dependents):
            self.rewrite(dependent, drop=[uid])
        self.end(uid)

    def collect(self, uid):
        node = self.graph.get(uid)
        if node is None or node.virtual:
            return
        if node.foreground:
            blocking = [(each.identity.uid, each.foreground) for each in self.graph.blocking_dependents(node)]
            action = for_waiting(blocking)
            if isinstance(action, RemoveFinalizer):
                self.end(uid)
            else:
                self.queue |= set(action.uids)
            return
        owners = {reference.uid: self.state(reference.uid) for reference in node.owners}
        waiting = any(self.graph.get(each).foreground for each in node.dependents)
        action = for_item(node.metadata, owners, waiting)
        if isinstance(action, DropReferences):
            self.rewrite(uid, drop=action.uids)
        elif isinstance(action, Unblock):
            self.rewrite(uid, unblock=action.uids)
            self.delete(uid, "Foreground")
        elif isinstance(action, Delete):
            self.delete(uid, action.propagation)

    def state(self, uid):
        if uid not in self.held:
            self.note(self.graph.remove(uid))
            return ABSENT
        return FOREGROUND if self.graph.get(uid).foreground else SOLID
