"""What one request may cost: no body within the size limit may keep the API server busy, or poison what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api import codec, rbac, strict, validation, yaml
from api.errors import BadRequest
from api.types import ConfigMap, PolicyRule

MANY = 60_000


def nested(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = {"f:a": tree}
    return tree


@pytest.mark.timeout(20)
def test_repeated_keys_are_found_in_one_look_at_each_key() -> None:
    pairs = "".join(f'"k{number}":"",' for number in range(MANY))
    assert strict.duplicate_fields(f'{{"data":{{{pairs}"k7":""}}}}'.encode()) == ["data.k7"]


def test_what_is_nested_too_deeply_for_that_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="max depth"):
        strict.duplicate_fields(b'{"a":' * 5_000 + b"1" + b"}" * 5_000)


@pytest.mark.parametrize(("depth", "fields"), [(90, []), (101, ["metadata.managedFields[0].fieldsV1"])])
def test_no_object_is_stored_that_readers_cannot_take_apart(depth: int, fields: list[str]) -> None:
    """JSON encoders and decoders have limits of their own, and each reader another: some at 254 levels."""
    entry = {"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": nested(depth)}
    tree = {"metadata": {"name": "c", "namespace": "n", "managedFields": [entry]}}
    config_map = codec.from_tree(ConfigMap, json.loads(json.dumps(tree)))
    assert [problem.field for problem in validation.create(config_map)] == fields
    assert [problem.field for problem in validation.update(config_map, config_map)] == fields


@pytest.mark.parametrize("text", ["-_", "+__", "0x_", "0b_", "-_e1"])
def test_signs_and_underscores_alone_are_words(text: str) -> None:
    assert yaml.load_all(f"a: {text}") == [{"a": text}]


@pytest.mark.timeout(20)
def test_a_rule_of_ever_so_many_grants_is_not_taken_apart_to_the_last() -> None:
    words = [f"w{number}" for number in range(1_000)]
    wide = PolicyRule(verbs=words, api_groups=words, resources=words, resource_names=words)
    assert rbac.uncovered([PolicyRule(verbs=["get"], api_groups=[""], resources=["pods"])], [wide])
