"""What one request may cost: no body within the size limit may keep the API server busy, or poison what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from api import codec, rbac, strict, validation, yaml
from api.errors import BadRequest, Invalid
from api.patch import strategic_merge
from api.types import ConfigMap, Node, Pod, PolicyRule, Record

MANY = 60_000


def nested(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = {"f:a": tree}
    return tree


@pytest.mark.timeout(20)
def test_repeated_keys_are_found_in_one_look_at_each_key() -> None:
    pairs = "".join(f'"k{number}":"",' for number in range(MANY))
    tree = strict.with_repeated_keys(f'{{"data":{{{pairs}"k7":""}}}}'.encode())
    assert strict.field_problems(ConfigMap, tree) == ['duplicate field "data.k7"']


def test_what_is_nested_too_deeply_for_that_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="max depth"):
        strict.with_repeated_keys(b'{"a":' * 5_000 + b"1" + b"}" * 5_000)


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


def numbered(make: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
    return [make(number) for number in range(20_000)]


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [{"name": "c"}], **spec}}


CONTROLLER = {"apiVersion": "v1", "kind": "Pod", "controller": True}
MANY_OF: dict[str, tuple[type[Record], dict[str, Any]]] = {
    "owners": (
        ConfigMap,
        {
            "metadata": {
                "name": "c",
                "ownerReferences": numbered(lambda n: {**CONTROLLER, "name": f"o{n}", "uid": f"{n}"}),
            }
        },
    ),
    "tolerations": (Pod, pod(tolerations=numbered(lambda n: {"key": f"k{n}", "operator": "Exists"}))),
    "gates": (Pod, pod(schedulingGates=numbered(lambda n: {"name": f"g{n}"}))),
    "spread": (
        Pod,
        pod(
            topologySpreadConstraints=numbered(
                lambda n: {"maxSkew": 1, "topologyKey": f"k{n}", "whenUnsatisfiable": "ScheduleAnyway"}
            )
        ),
    ),
    "claims": (
        Pod,
        pod(
            resourceClaims=numbered(lambda n: {"name": f"c{n}", "resourceClaimName": "r"}),
            containers=[{"name": "c", "image": "i", "resources": {"claims": numbered(lambda n: {"name": f"c{n}"})}}],
        ),
    ),
    "mounts": (
        Pod,
        pod(
            volumes=numbered(lambda n: {"name": f"v{n}", "emptyDir": {}}),
            containers=[
                {"name": "c", "image": "i", "volumeMounts": numbered(lambda n: {"name": f"v{n}", "mountPath": f"/{n}"})}
            ],
        ),
    ),
    "addresses": (
        Node,
        {
            "metadata": {"name": "n"},
            "status": {"addresses": numbered(lambda n: {"type": "Hostname", "address": f"a{n}"})},
        },
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", MANY_OF)
def test_long_lists_are_validated_in_one_go(what: str) -> None:
    record_type, tree = MANY_OF[what]
    record = codec.from_tree(record_type, tree)
    errors = [*validation.create(record), *validation.update(record, record), *validation.update_status(record, record)]
    assert len(errors) <= 3 * validation.MAX_ERRORS
    assert len(Invalid("K", "n", errors).message) < 20_000_000


@pytest.mark.timeout(20)
def test_long_lists_are_merged_in_one_go() -> None:
    tree = {"metadata": {"finalizers": [f"a/{number}" for number in range(20_000)]}}
    added = strategic_merge(ConfigMap, tree, {"metadata": {"finalizers": [f"b/{number}" for number in range(20_000)]}})
    assert len(added["metadata"]["finalizers"]) == 40_000
    directive = "$deleteFromPrimitiveList/finalizers"
    left = strategic_merge(ConfigMap, added, {"metadata": {directive: tree["metadata"]["finalizers"]}})
    assert len(left["metadata"]["finalizers"]) == 20_000


@pytest.mark.timeout(20)
def test_a_rule_of_ever_so_many_grants_is_not_taken_apart_to_the_last() -> None:
    words = [f"w{number}" for number in range(1_000)]
    wide = PolicyRule(verbs=words, api_groups=words, resources=words, resource_names=words)
    assert rbac.uncovered([PolicyRule(verbs=["get"], api_groups=[""], resources=["pods"])], [wide])
