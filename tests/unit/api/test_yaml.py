"""YAML as manifests mean it, and as kubectl prints it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True), ("N", False), ("on", True), ("Off", False), ("yes", True), ("No", False), ("oN", "oN"),
        ("true", True), ("True", True), ("TRUE", True), ("tRue", "tRue"), ("false", False),
        ("~", None), ("null", None), ("Null", None), ("", None), ("nUll", "nUll"),
        ("5", 5), ("+5", 5), ("-5", -5), ("0o17", 15), ("017", 15), ("0x1F", 31), ("0b11", 3), ("1_000", 1000),
        ("08", 8), ("1.0", 1), ("1.5", 1.5), (".5", 0.5), ("-.5", -0.5), ("1e3", 1000), ("1.", 1), ("0.1e-2", 0.001),
        ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1.2.3", "1.2.3"), ("=", "="), ("1e400", "1e400"), ("'5'", "5"), ('"true"', "true"), ("!!str 5", "5"),
        ("!!binary aGVsbG8=", "hello"), ("18446744073709551615", 18446744073709551615),
        ("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b"),
    ],
)  # fmt: skip
def test_what_words_mean(text: str, value: Any) -> None:
    assert yaml.load_all(f"k: {text}") == [{"k": value}]


def test_keys_are_strings() -> None:
    assert yaml.load_all("1: a\ntrue: b\n1.5: c\nz: d\n") == [{"1": "a", "true": "b", "1.5": "c", "z": "d"}]


def test_documents() -> None:
    assert yaml.load_all("a: 1\n---\n---\n# nothing\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]
    assert yaml.load_all("") == []
    assert yaml.load_all(b'{"a": 1}') == [{"a": 1}]
    assert yaml.load_all('{"a": 1}\n---\n{"b": 2}') == [{"a": 1}, {"b": 2}]
    assert yaml.load_all("{a: z, b: [1, 2]}") == [{"a": "z", "b": [1, 2]}]


def test_anchors_and_merges() -> None:
    text = "base: &b {x: 1, z: 2}\nuse:\n  <<: *b\n  z: 3\n"
    assert yaml.load_all(text) == [{"base": {"x": 1, "z": 2}, "use": {"x": 1, "z": 3}}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b\nc: d\na: e\n", 'yaml: line 3: key "a" already set in map'),
        ("a:\n  - b\n c: d\n", "yaml: line 3: did not find expected key"),
        ("a: - b", "yaml: line 1: block sequence entries are not allowed in this context"),
        ("\ta: b", "yaml: line 1: found character that cannot start any token"),
        ("a: *x", "yaml: line 1: unknown anchor 'x' referenced"),
        ("a: .inf", "yaml: line 1: unsupported value: .inf"),
        ("~: x", "yaml: line 1: unsupported map key: keys must be strings, numbers or booleans"),
        ("a: !!binary '*'", "yaml: line 1: !!binary value contains invalid base64 data or is not text"),
        ("[" * 5000, "yaml: line 1: exceeded max depth of 400"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(text: str, message: str) -> None:
    with pytest.raises(yaml.YamlError) as caught:
        yaml.load_all(text)
    assert str(caught.value) == message


def test_repeated_keys_can_be_told_of_instead() -> None:
    repeats: list[str] = []
    assert yaml.load_all("a: 1\nb: {c: 1, c: 2}\na: 3\n", repeats) == [{"a": 3, "b": {"c": 2}}]
    assert repeats == ['line 2: key "c" already set in map', 'line 3: key "a" already set in map']


def test_billion_laughs_are_refused() -> None:
    lines = ["x0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"x{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(yaml.YamlError, match="excessive aliasing"):
        yaml.load_all("\n".join(lines))


def test_bytes_must_be_utf8() -> None:
    with pytest.raises(yaml.YamlError):
        yaml.load_all(b"a: \xff\xfe")


def test_dump_reads_as_kubectls() -> None:
    tree = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "a", "labels": {}},
        "data": {
            "y": "on",
            "script": "one\ntwo\n",
            "open": "one\ntwo",
            "number": "5",
            "date": "2024-01-01",
            "colon": "a: b",
            "empty": "",
            "plain": "x",
            "a10": "1.2.3",
            "a2": "~",
        },
        "list": [{"b": 1, "a": True}, None, 0.5, []],
    }
    assert yaml.dump(tree) == (
        "apiVersion: v1\n"
        "data:\n"
        '  a2: "~"\n'
        "  a10: 1.2.3\n"
        "  colon: 'a: b'\n"
        '  date: "2024-01-01"\n'
        '  empty: ""\n'
        '  number: "5"\n'
        "  open: |-\n    one\n    two\n"
        "  plain: x\n"
        "  script: |\n    one\n    two\n"
        '  "y": "on"\n'
        "kind: ConfigMap\n"
        "list:\n"
        "- a: true\n  b: 1\n"
        "- null\n"
        "- 0.5\n"
        "- []\n"
        "metadata:\n"
        "  labels: {}\n"
        "  name: a\n"
    )


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=6), TREES, min_size=1, max_size=4))
def test_what_is_dumped_is_loaded(tree: dict[str, Any]) -> None:
    assert yaml.load_all(yaml.dump(tree)) == [tree]
