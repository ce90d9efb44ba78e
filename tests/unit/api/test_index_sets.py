import re

import pytest

from api.index_sets import IndexSet, check


@pytest.mark.parametrize(
    ("indexes", "text"),
    [([], ""), ([0], "0"), ([1, 0], "0,1"), ([0, 1, 2], "0-2"), ([7, 3, 4, 5, 0, 9, 8], "0,3-5,7-9"), ([4, 4], "4")],
)
def test_sets_are_written_as_intervals(indexes, text):
    written = IndexSet.of(indexes)
    assert str(written) == text
    assert len(written) == len(set(indexes))
    assert IndexSet.read(text, 100) == written


def test_indexes_beyond_the_completions_are_dropped_when_read():
    assert str(IndexSet.read("0-3,7,9-12", 8)) == "0-3,7"
    assert str(IndexSet.read("0-9", 4)) == "0-3"
    assert str(IndexSet.read("5", 5)) == ""


def test_membership_union_and_what_is_missing():
    one, other = IndexSet.read("0-2,8", 10), IndexSet.read("2-4,6", 10)
    assert [index for index in range(10) if index in one] == [0, 1, 2, 8]
    assert str(one | other) == "0-4,6,8"
    assert one.common(other) == 1
    assert list((one | other).missing(10)) == [5, 7, 9]
    assert list(IndexSet().missing(3)) == [0, 1, 2]
    assert list(IndexSet.read("0-9", 10).missing(10)) == []


def test_a_set_is_as_large_as_its_gaps():
    assert len(IndexSet.read("0-99999", 100_000).intervals) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", 'too large index: "5"'),
        ("0-5", 'too large index: "5"'),
        ("x", 'cannot convert string to integer for index: "x"'),
        ("-1", 'cannot convert string to integer for index: ""'),
        ("0,,1", 'cannot convert string to integer for index: ""'),
        ("3,1", "non-increasing order, previous: 3, current: 1"),
        ("1-3,3", "non-increasing order, previous: 3, current: 3"),
        ("3-1", "non-increasing order, previous: 3, current: 1"),
        (
            "0-1-2",
            'the fragment "0-1-2" violates the requirement that an index interval can have at most two parts'
            " separated by '-'",
        ),
    ],
)
def test_what_is_no_set_says_why(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check(text, 5)


def test_a_good_text_is_counted():
    assert check("", 5) == 0
    assert check("0,2-4", 5) == 4
