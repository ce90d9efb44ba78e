import re

import pytest
from msgspec.structs import replace

from api import codec
from api.patch import strategic_merge
from api.types import ControllerRevision, StatefulSet
from controllers.revisions.history import by_number, decide, surplus
from controllers.revisions.snapshot import HASH_LABEL, data_hash, new_revision, template_of, template_patch
from tests.support.stateful_world import stateful_set


def revision(number, image="a", name=None):
    made = new_revision(stateful_set(), template_patch(stateful_set(image=image).spec.template), number, 0, HASH_LABEL)
    return replace(made, metadata=replace(made.metadata, name=name or f"web-{number}"))


def test_a_revision_is_named_after_its_data_and_belongs_to_its_owner():
    owner = stateful_set()
    data = template_patch(owner.spec.template)
    made = new_revision(owner, data, 1, 0, HASH_LABEL)
    suffix = made.metadata.labels[HASH_LABEL]
    assert re.fullmatch("[bcdfghjklmnpqrstvwxz2456789]{1,10}", suffix)
    assert made.metadata.name == f"web-{suffix}"
    assert made.metadata.labels["app"] == "web"
    assert [each.uid for each in made.metadata.owner_references] == [owner.metadata.uid]
    assert data_hash(data, 1) != suffix != data_hash(template_patch(stateful_set(image="b").spec.template), 0)


def test_what_is_kept_puts_the_template_back():
    old, new = stateful_set(image="old"), stateful_set(image="new")
    data = template_patch(old.spec.template)
    restored = strategic_merge(StatefulSet, codec.to_tree(new), data)
    assert restored["spec"]["template"] == codec.to_tree(old)["spec"]["template"]
    assert template_of(ControllerRevision(data=data, revision=1)) == old.spec.template


def test_a_revision_that_holds_no_template_is_an_empty_one():
    assert template_of(ControllerRevision(data={"spec": "nonsense"}, revision=1)).spec.containers == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [("c", ("web-3", 3)), ("a", ("web-1", 4)), ("new", (None, 4))],
)
def test_data_seen_before_makes_its_revision_the_newest(image, expected):
    known = [revision(1, "a"), revision(2, "b"), revision(3, "c")]
    decision = decide(known, template_patch(stateful_set(image=image).spec.template))
    name = decision.revision.metadata.name if decision.revision else None
    assert (name, decision.number) == expected


def test_the_first_revision_is_number_one():
    assert decide([], {}).number == 1


def test_history_beyond_the_limit_goes_oldest_first_but_never_what_is_in_use():
    known = by_number([revision(number) for number in (4, 1, 3, 2, 5)])
    assert [each.revision for each in surplus(known, {"web-5", "web-1"}, 1)] == [2, 3]
    assert surplus(known, {"web-5"}, 10) == []
    assert surplus(known, {"web-5"}, -1) == []
    assert [each.revision for each in surplus(known, {"web-5"}, 0)] == [1, 2, 3, 4]
