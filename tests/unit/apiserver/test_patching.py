"""Patch documents: kinds, malformed ones, and ones nested without end."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import BadRequest, Invalid, UnsupportedMediaType
from api.field_errors import quote
from api.types import Pod
from apiserver.registry import bodies, patching
from apiserver.requests import decode_delete_options

TREE = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "1"}]}}


@pytest.mark.parametrize(
    ("kind", "body", "images"),
    [
        (patching.JSON_PATCH, b'[{"op":"replace","path":"/spec/containers/0/image","value":"2"}]', ["2"]),
        (patching.MERGE_PATCH, b'{"spec":{"containers":[{"name":"b","image":"2"}]}}', ["2"]),
        (patching.STRATEGIC_MERGE_PATCH, b'{"spec":{"containers":[{"name":"a","image":"2"}]}}', ["2"]),
    ],
)
def test_a_document_applies_to_many_states(kind: str, body: bytes, images: list[str]) -> None:
    apply = patching.parse(Pod, body, kind).apply
    for _ in range(2):
        patched: Any = apply(TREE)
        assert [container["image"] for container in patched["spec"]["containers"]] == images
    assert TREE["spec"]["containers"][0]["image"] == "1"  # type: ignore[index]


def test_unknown_kinds_of_patches() -> None:
    with pytest.raises(UnsupportedMediaType):
        patching.parse(Pod, b"{}", "application/apply-patch+yaml")


@pytest.mark.parametrize("kind", patching.SUPPORTED)
def test_malformed_documents(kind: str) -> None:
    for body in (b"", b"{", b"\xff"):
        with pytest.raises(BadRequest, match="error decoding patch"):
            patching.parse(Pod, body, kind)


@pytest.mark.parametrize("depth", [500, 900, 990, 2_000, 100_000])
@pytest.mark.parametrize("kind", patching.SUPPORTED)
def test_documents_nested_without_end(kind: str, depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'[{"op":"add","path":"/x","value":' + nested + b"}]" if kind == patching.JSON_PATCH else nested
    try:
        patching.parse(Pod, body, kind).apply(TREE)
    except BadRequest as error:
        assert "exceeded max depth" in error.message


KIND = bodies.Kind(Pod, "v1", "Pod")
MERGE = b"""{"spec":{"b":1,"b":2,"hostIPC":true,"hostIPC":false,"a":1,
 "containers":[{"name":"a","image":"x","zzz":1,"tty":true,"tty":false}]}}"""
UNKNOWN = [
    'unknown field "spec.a"',
    'unknown field "spec.b"',
    'unknown field "spec.containers[0].zzz"',
]
REPEATED = [
    'duplicate field "spec.b"',
    'duplicate field "spec.hostIPC"',
    'duplicate field "spec.containers[0].tty"',
]


@pytest.mark.parametrize("kind", [patching.MERGE_PATCH, patching.STRATEGIC_MERGE_PATCH])
def test_fields_repeated_in_the_patch_and_unknown_in_the_object(kind: str) -> None:
    """In upstream's order: what the patch repeats as it stands there, then unknown fields by name."""
    patch = patching.parse(Pod, MERGE, kind)
    assert patch.record(KIND, TREE, "")[1] == tuple(REPEATED + UNKNOWN)
    assert patch.record(KIND, TREE, "Ignore")[1] == ()
    with pytest.raises(Invalid) as caught:
        patch.record(KIND, TREE, "Strict")
    [cause] = caught.value.to_status()["details"]["causes"]
    assert cause["field"] == "patch"
    assert cause["message"].endswith(f": strict decoding error: {', '.join(REPEATED + UNKNOWN)}")


def test_operations_with_fields_that_mean_nothing_or_two_things() -> None:
    body = b'[{"op":"add","path":"/spec/b","value":1,"foo":2},{"op":"add","path":"/spec/c","path":"/spec/a","value":1}]'
    assert patching.parse(Pod, body, patching.JSON_PATCH).record(KIND, TREE, "Warn")[1] == (
        'json patch unknown field "[0].foo"',
        'json patch duplicate field "[1].path"',
        'unknown field "spec.a"',
        'unknown field "spec.b"',
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (
            patching.MERGE_PATCH,
            '{"metadata":{"name":"p"},"spec":{"containers":[{"image":"1","name":"a"}],"hostPID":"x"}}',
        ),
        (patching.STRATEGIC_MERGE_PATCH, "map[spec:map[hostPID:x]]"),
    ],
)
def test_what_cannot_be_decoded_is_the_patchs_fault(kind: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        patching.parse(Pod, b'{"spec":{"hostPID":"x"}}', kind).record(KIND, TREE, "Ignore")
    cause = "json: cannot unmarshal string into Go struct field PodSpec.spec.hostPID of type bool"
    assert caught.value.message == f' "" is invalid: patch: Invalid value: {quote(value)}: {cause}'
    assert "name" not in caught.value.to_status()["details"]


def test_values_in_a_strategic_patch_are_shown_as_go_shows_them() -> None:
    body = b'{"spec":{"nodeSelector":null,"hostPID":1,"containers":[{"name":"a","tty":true,"x":[1.5,"t"]}]}}'
    with pytest.raises(Invalid) as caught:
        patching.parse(Pod, body, patching.STRATEGIC_MERGE_PATCH).record(KIND, TREE, "")
    assert '"map[spec:map[containers:[map[name:a tty:true x:[1.5 t]]] hostPID:1 nodeSelector:<nil>]]"' in str(
        caught.value
    )


def test_delete_options_of_another_kind() -> None:
    with pytest.raises(BadRequest, match="cannot be handled as a DeleteOptions"):
        decode_delete_options(b'{"kind":"Pod","apiVersion":"v1"}')
    assert decode_delete_options(b" ").grace_period_seconds is None
    assert decode_delete_options(b'{"kind":"DeleteOptions","gracePeriodSeconds":3}').grace_period_seconds == 3
