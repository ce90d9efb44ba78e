"""Label and field selectors: grammar, matching, messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import selectors
from api.errors import BadRequest
from api.types import LabelSelector, LabelSelectorRequirement

LABELS = {"app": "web", "tier": "front", "n": "5"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app=db", False), ("app!=db", True), ("app!=web", False),
        ("other!=x", True), ("app in (web,db)", True), ("app in(db)", False), ("app notin (db)", True),
        ("other notin (x)", True), ("app", True), ("other", False), ("!other", True), ("!app", False), ("! app", False),
        ("app=web,tier=front", True), ("app=web,tier=back", False), (" app = web , tier ", True),
        ("n>4", True), ("n>5", False), ("n<6", True), ("app>1", False), ("other=", False), ("app=", False),
        ("in in (in)", False), ("app in (web,)", True), ("x.io/app!=web", True),
    ],
)  # fmt: skip
def test_matching(text: str, matches: bool) -> None:
    assert selectors.labels(text).matches(LABELS) is matches


def test_an_empty_value_is_a_value() -> None:
    assert selectors.labels("a=").matches({"a": ""})
    assert selectors.labels("a in (x,)").matches({"a": ""})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a,", "found '', expected: identifier after ','"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("(a", "found '(', expected: !, identifier, or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("a in (x", "unable to parse requirement: found '', expected: ')'"),
        (
            "a in ()",
            "unable to parse requirement: values: Invalid value: []:"
            " for 'in', 'notin' operators, values set can't be empty",
        ),
        (
            "n>x",
            'unable to parse requirement: values[0]: Invalid value: "x":'
            " for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_what_is_no_label_selector(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        selectors.labels(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "field"), [("-a=b", "key"), ("a=-", "values[0][a]"), ("a/b/c", "key"), ("a=" + "x" * 64, "values[0][a]")]
)
def test_keys_and_values_must_be_valid(text: str, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        selectors.labels(text)
    assert caught.value.message.startswith(f"unable to parse requirement: {field}: Invalid value: ")


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.text(alphabet="ab=!(),<> in\t", max_size=20))
def test_any_text_parses_or_is_refused_and_reads_back(text: str) -> None:
    try:
        selector = selectors.labels(text)
    except BadRequest:
        return
    assert selectors.labels(str(selector)) == selector


def test_records() -> None:
    assert not selectors.from_record(None).matches({})
    assert selectors.from_record(LabelSelector()).matches(LABELS)
    record = LabelSelector(
        match_labels={"app": "web"},
        match_expressions=[
            LabelSelectorRequirement(key="tier", operator="In", values=["front", "back"]),
            LabelSelectorRequirement(key="old", operator="DoesNotExist"),
        ],
    )
    assert selectors.from_record(record).matches(LABELS)
    assert not selectors.from_record(record).matches({**LABELS, "old": ""})
    with pytest.raises(BadRequest):
        selectors.from_record(LabelSelector(match_expressions=[LabelSelectorRequirement(key="a", operator="Near")]))
    assert selectors.from_labels({"app": "web"}).matches(LABELS)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True), ("metadata.name=a", True), ("metadata.name==a", True), ("metadata.name!=a", False),
        ("metadata.name=a,spec.nodeName=", True), ("spec.nodeName!=", False), ("odd=x\\,y\\=z", True),
        ("metadata.name=a,", True),
    ],
)  # fmt: skip
def test_field_selectors(text: str, matches: bool) -> None:
    fields = {"metadata.name": "a", "odd": "x,y=z"}
    assert selectors.fields(text).matches(fields) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b=c", "invalid field selector: unescaped character in value: ="),
        ("a=\\z", "invalid field selector: invalid escape sequence: \\z"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_what_is_no_field_selector(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        selectors.fields(text)
    assert caught.value.message == message


def test_field_selectors_read_back() -> None:
    selector = selectors.fields("spec.nodeName==n1,odd!=x\\,y")
    assert str(selector) == "spec.nodeName=n1,odd!=x\\,y"
    assert selectors.fields(str(selector)) == selector
