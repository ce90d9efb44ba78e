"""Which form of an object an Accept header asks for."""

from __future__ import annotations

import pytest

from api import errors
from apiserver.rest.negotiation import PLAIN, Form, choose, form

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/json", PLAIN),
        ("application/json, */*", PLAIN),
        ("text/html, application/*;q=0.8", PLAIN),
        ("application/yaml", Form("application/yaml")),
        ("application/json;q=0.5, application/yaml", Form("application/yaml")),
        ("application/vnd.kubernetes.protobuf,application/json", PLAIN),
        (f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Form(view="Table")),
        (
            "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
            Form(view="Table", view_version="v1beta1"),
        ),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Form(view="PartialObjectMetadataList"),
        ),
        ("application/json;as=Chart;v=v1;g=meta.k8s.io, application/json", PLAIN),
    ],
)
def test_forms(accept: str, expected: Form) -> None:
    assert form(accept) == expected


@pytest.mark.parametrize(
    "accept",
    ["text/csv", "application/vnd.kubernetes.protobuf", "application/json;q=0", "application/json;as=Table;v=v9;g=x"],
)
def test_what_cannot_be_served(accept: str) -> None:
    with pytest.raises(errors.NotAcceptable) as caught:
        form(accept)
    assert caught.value.code == 406
    assert "only the following media types are accepted" in caught.value.message


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form()), ("application/json", Form())],
)
def test_what_has_no_tables_comes_in_the_next_form_named(accept: str, expected: Form) -> None:
    assert form(accept, tables=False) == expected
    assert form(accept, tables=True).view == ("Table" if "Table" in accept else "")


def test_a_table_of_what_has_none_is_not_acceptable() -> None:
    assert form("application/json;as=Table;v=v1;g=meta.k8s.io").view == "Table"
    with pytest.raises(errors.NotAcceptable):
        form("application/json;as=Table;v=v1;g=meta.k8s.io", tables=False)


def test_pages_without_views() -> None:
    assert choose("text/html;q=0.1, application/json", ["application/json"]) == "application/json"
    assert choose("text/html", ["application/json"]) == ""
