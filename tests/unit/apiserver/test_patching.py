"""Patch documents: kinds, malformed ones, and ones nested without end."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import BadRequest, UnsupportedMediaType
from api.types import Pod
from apiserver.registry import patching
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
    apply = patching.parse(Pod, body, kind)
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
        patching.parse(Pod, body, kind)(TREE)
    except BadRequest as error:
        assert "exceeded max depth" in error.message


def test_delete_options_of_another_kind() -> None:
    with pytest.raises(BadRequest, match="cannot be handled as a DeleteOptions"):
        decode_delete_options(b'{"kind":"Pod","apiVersion":"v1"}')
    assert decode_delete_options(b" ").grace_period_seconds is None
    assert decode_delete_options(b'{"kind":"DeleteOptions","gracePeriodSeconds":3}').grace_period_seconds == 3
