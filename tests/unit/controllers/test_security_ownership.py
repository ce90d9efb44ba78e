"""Nobody's objects count for an owner in another namespace, whatever uid they name."""

import pytest
from msgspec.structs import replace

from api.types import Pod, ReplicaSet
from controllers.context import INDEXES, controlled_by, orphans_of
from tests.support.objects import owner, pod, replica_set


def make(record, name, **meta):
    return pod(name, meta=meta) if record is Pod else replica_set(name, {}, meta=meta)


def changed(object, **metadata):
    return replace(object, metadata=replace(object.metadata, **metadata))


@pytest.mark.parametrize("record", [Pod, ReplicaSet])
def test_only_objects_of_the_owners_namespace_are_controlled_by_it(record):
    controller, index = replica_set("owner", {}), INDEXES[record]["controller"]
    mine = make(record, "mine", ownerReferences=[owner(controller)])
    assert index(mine) == [controlled_by(controller)] != index(changed(mine, namespace="evil"))


def test_an_owner_without_a_uid_controls_no_orphans():
    controller = changed(replica_set("owner", {}), uid="")
    assert INDEXES[Pod]["controller"](pod("orphan")) == [orphans_of("default")] != [controlled_by(controller)]
