"""JSON merge patch: RFC 7386."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import errors
from api.patch import merge_patch

# The object cases of RFC 7386, appendix A.
RFC_CASES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("tree", "patch", "expected"), RFC_CASES)
def test_rfc_cases(tree, patch, expected):
    before = copy.deepcopy(tree)
    assert merge_patch(tree, patch) == expected
    assert tree == before


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (None, "Invalid JSON Patch"),
        ([], "error decoding patch: json: cannot unmarshal array into Go value of type map"),
        ("x", "error decoding patch: json: cannot unmarshal string into Go value of type map"),
    ],
)
def test_only_objects_are_patches(patch, message):
    with pytest.raises(errors.BadRequest, match=message):
        merge_patch({}, patch)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from("abcd"), json_values, max_size=4)


@given(objects, objects)
def test_merging_twice_is_merging_once(tree, patch):
    before = copy.deepcopy((tree, patch))
    once = merge_patch(tree, patch)
    assert merge_patch(once, patch) == once
    assert (tree, patch) == before


@given(objects)
def test_the_empty_patch_changes_nothing(tree):
    assert merge_patch(tree, {}) == tree
