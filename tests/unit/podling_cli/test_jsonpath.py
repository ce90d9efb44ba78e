"""kubectl's JSONPath templates."""

from __future__ import annotations

from typing import Any

import pytest

from podling.cli.jsonpath import JsonPathError, find, render

TREE: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "web"}},
            "status": {"phase": "Running", "restarts": 3, "ready": True},
        },
        {
            "metadata": {"name": "b", "labels": {}},
            "status": {"phase": "Pending", "restarts": 0, "ready": False, "conditions": [{"type": "Ready"}]},
        },
    ],
    "users": [{"name": "x"}, {"name": "y"}],
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{.kind}", "List"),
        (".kind", "List"),
        ("kind", "List"),
        ("{.items[*].metadata.name}", "a b"),
        ("{.items[0].metadata.name}", "a"),
        ("{.items[-1].metadata.name}", "b"),
        ("{.items[0,1].metadata.name}", "a b"),
        ("{.items[0:1].metadata.name}", "a"),
        ("{.items[:].metadata.name}", "a b"),
        ("{..name}", "a b x y"),
        ("{.users..name}", "x y"),
        (r"{.items[0].metadata.labels.app\.kubernetes\.io/name}", "web"),
        ("{.items[0]['metadata']['name']}", "a"),
        ("{.items[0].metadata.labels['app.kubernetes.io/name']}", "web"),
        ('{.items[?(@.status.phase=="Running")].metadata.name}', "a"),
        ("{.items[?(@.status.phase!='Running')].metadata.name}", "b"),
        ("{.items[?(@.status.restarts>1)].metadata.name}", "a"),
        ("{.items[?(@.status.restarts <= 0)].metadata.name}", "b"),
        ("{.items[?(@.status.ready==true)].metadata.name}", "a"),
        ("{.items[?(@.status.conditions)].metadata.name}", "b"),
        ("{.items[0].status.restarts} {.items[0].status.ready}", "3 true"),
        ("{.users}", '[{"name":"x"},{"name":"y"}]'),
        ("{range .items[*]}{.metadata.name}={.status.phase}{'\\n'}{end}", "a=Running\nb=Pending\n"),
        ('{range .items[*]}{.metadata.name}{"\\t"}{end}', "a\tb\t"),
        ("names: {.users[*].name}!", "names: x y!"),
        ("{$.kind}{@.kind}", "ListList"),
        ('{"a}b"}', "a}b"),
        ("{.users.*.name}", "x y"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert render(template, TREE) == expected


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{.nothing}", "nothing is not found"),
        ("{.items[9]}", "index 9, length 2"),
        ("{.items", "unclosed {"),
        ("{.items[0}", "unclosed ["),
        ("{.items[x]}", "invalid array index"),
        ("{end}", "without {range}"),
        ("{range .items[*]}", "without {end}"),
        ("{.items[?(@.a==b c)]}", "unrecognized"),
        ("{.kind b}", "unexpected ' b'"),
        ("{..}", "a field name is missing"),
    ],
)
def test_what_is_wrong_is_said(template: str, words: str) -> None:
    with pytest.raises(JsonPathError, match=words.replace("[", r"\[").replace("{", r"\{")):
        render(template, TREE)


def test_find_takes_what_is_missing_for_nothing() -> None:
    assert find("{.items[1].status.phase}", TREE) == ["Pending"]
    assert find(".nothing.at.all", TREE) == []
