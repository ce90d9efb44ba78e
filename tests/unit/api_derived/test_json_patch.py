"""JSON patch: RFC 6902 with upstream's index rules and errors."""

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import errors
from api.patch import json_patch

POD = {"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"containers": [{"name": "c"}, {"name": "d"}]}}


def op(name, path, value=None, **more):
    return {"op": name, "path": path, "value": value, **more}


GOOD = [
    ("add a key", [op("add", "/metadata/labels/y", "2")], {"metadata": {"labels": {"x": "1", "y": "2"}}}),
    ("add over a key", [op("add", "/metadata/labels/x", "2")], {"metadata": {"labels": {"x": "2"}}}),
    ("escaped pointer", [op("replace", "/metadata/labels", {}), op("add", "/metadata/labels/a~1b~0c", "2")],
     {"metadata": {"labels": {"a/b~c": "2"}}}),
    ("insert", [op("add", "/spec/containers/1", {"name": "n"})], {"containers": ["c", "n", "d"]}),
    ("append", [op("add", "/spec/containers/-", {"name": "n"})], {"containers": ["c", "d", "n"]}),
    ("append by length", [op("add", "/spec/containers/2", {"name": "n"})], {"containers": ["c", "d", "n"]}),
    ("negative remove", [op("remove", "/spec/containers/-1")], {"containers": ["c"]}),
    ("remove element", [op("remove", "/spec/containers/0")], {"containers": ["d"]}),
    ("replace inside element", [op("replace", "/spec/containers/1/name", "e")], {"containers": ["c", "e"]}),
    ("move", [op("move", "/spec/containers/-", **{"from": "/spec/containers/0"})], {"containers": ["d", "c"]}),
    ("copy", [op("copy", "/spec/containers/0", **{"from": "/spec/containers/1"})], {"containers": ["d", "c", "d"]}),
    ("test passes", [op("test", "/metadata/name", "a"), op("remove", "/spec/containers/0")], {"containers": ["d"]}),
    ("test of an absent key against null", [op("test", "/metadata/uid", None)], {"containers": ["c", "d"]}),
    ("a copy is independent", [
        op("copy", "/spec/containers/-", **{"from": "/spec/containers/0"}),
        op("replace", "/spec/containers/2/name", "z"),
    ], {"containers": ["c", "d", "z"]}),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "expected"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_operations(operations, expected):
    before = copy.deepcopy(POD)
    result = json_patch(POD, operations)
    if "containers" in expected:
        assert [item["name"] for item in result["spec"]["containers"]] == expected["containers"]
    else:
        assert result["metadata"]["labels"] == expected["metadata"]["labels"]
    assert before == POD


INAPPLICABLE = [
    ("remove of nothing", op("remove", "/metadata/labels/zz")),
    ("replace of nothing", op("replace", "/metadata/labels/zz", "1")),
    ("add under nothing", op("add", "/metadata/annotations/a", "1")),
    ("index too high", op("add", "/spec/containers/3", {})),
    ("index too low", op("remove", "/spec/containers/-3")),
    ("index that is none", op("remove", "/spec/containers/c")),
    ("key of a scalar", op("add", "/metadata/name/x", 1)),
    ("whole document", op("replace", "", {})),
    ("no pointer", op("add", "metadata", {})),
    ("path missing", {"op": "remove"}),
    ("unknown operation", op("merge", "/metadata", {})),
    ("operation of a wrong type", {"op": [], "path": "/metadata"}),
    ("failing test", op("test", "/metadata/name", "b")),
    ("test: true is not 1", op("test", "/metadata/labels/x", True)),
    ("move of nothing", op("move", "/metadata/labels/y", **{"from": "/metadata/labels/zz"})),
    ("copy of nothing", op("copy", "/metadata/labels/y", **{"from": "/metadata/labels/zz"})),
    ("move into itself", op("move", "/metadata/labels/y", **{"from": "/metadata"})),
]


@pytest.mark.parametrize("operation", [case[1] for case in INAPPLICABLE], ids=[case[0] for case in INAPPLICABLE])
def test_what_cannot_be_applied_is_invalid(operation):
    before = copy.deepcopy(POD)
    with pytest.raises(errors.Invalid) as caught:
        json_patch(POD, [op("add", "/metadata/labels/first", "1"), operation])
    assert caught.value.to_status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid",
        "details": {},
        "code": 422,
    }
    assert before == POD


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ({}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        ("x", "json: cannot unmarshal string into Go value of type jsonpatch.Patch"),
        ([1], "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    ],
)
def test_malformed_patches_are_bad_requests(operations, message):
    with pytest.raises(errors.BadRequest, match=message):
        json_patch(POD, operations)


def test_a_patch_has_a_limited_number_of_operations():
    with pytest.raises(errors.RequestEntityTooLarge, match="is 10000, got 10001"):
        json_patch(POD, [op("test", "/metadata/name", "a")] * 10_001)


def test_copies_cannot_blow_up_the_object():
    doubling = [op("copy", f"/spec/copy{number}", **{"from": "/spec"}) for number in range(40)]
    with pytest.raises(errors.Invalid):
        json_patch({"spec": {"text": "x"}}, doubling)


def test_shares_what_it_does_not_touch():
    result = json_patch(POD, [op("add", "/metadata/labels/y", "2")])
    assert result["spec"] is POD["spec"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)
pointers = st.lists(st.sampled_from(["a", "b", "c", "0", "1", "-", "-1"]), min_size=1, max_size=3).map(
    lambda tokens: "/" + "/".join(tokens)
)
operations_ = st.lists(
    st.builds(
        lambda name, path, source, value: {"op": name, "path": path, "from": source, "value": value},
        st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        pointers,
        pointers,
        json_values,
    ),
    max_size=5,
)


@given(documents, operations_)
def test_never_changes_its_arguments(document, operations):
    before = copy.deepcopy((document, operations))
    with contextlib.suppress(errors.Invalid):
        json_patch(document, operations)
    assert (document, operations) == before


@given(documents, st.sampled_from("abc"), json_values)
def test_what_was_added_tests_equal(document, key, value):
    patched = json_patch(document, [op("add", f"/{key}", value), op("test", f"/{key}", value)])
    assert patched == {**document, key: value}
