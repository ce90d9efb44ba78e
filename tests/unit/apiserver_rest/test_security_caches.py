"""What callers write must not stay in memory: what is remembered has a bound in bytes, not only in number."""

from __future__ import annotations

import pytest

from api.errors import BadRequest
from apiserver.rest import negotiation, query, remote_command, request_info
from apiserver.rest.discovery import DiscoveryEndpoints
from apiserver.storage.list_rules import parse_resource_version

MANY_DIGITS = "9" * 5_000


class Call:
    accept = ""

    def __init__(self, path: str) -> None:
        self.info = request_info.parse("GET", path)


def test_one_discovery_document_is_kept_once_however_its_path_is_written() -> None:
    endpoints = DiscoveryEndpoints("127.0.0.1:6443")
    for slashes in range(20):
        endpoints.serve(Call("/api/v1" + "/" * slashes))  # type: ignore[arg-type]
        endpoints.serve(Call("/apis/apps/v1" + "/" * slashes))  # type: ignore[arg-type]
    assert len(endpoints._made) == 2


def test_long_headers_are_not_remembered() -> None:
    before = len(negotiation._known)
    for number in range(5):
        negotiation.form("application/json;" + f"x{number}=" + "y" * 10_000)
    assert len(negotiation._known) == before


@pytest.mark.parametrize("text", [MANY_DIGITS, "-" + MANY_DIGITS])
def test_numbers_of_any_length_are_refused_as_upstream_does(text: str) -> None:
    with pytest.raises(BadRequest, match="value out of range"):
        query.optional_integer({"limit": [text]}, "limit")


def test_leading_zeros_count_for_nothing() -> None:
    assert query.optional_integer({"limit": ["0" * 5_000 + "7"]}, "limit") == 7


def test_revisions_of_any_length_are_refused() -> None:
    with pytest.raises(BadRequest, match="value out of range"):
        parse_resource_version(MANY_DIGITS)


@pytest.mark.parametrize(
    "message", [b'{"Width":1e999,"Height":1}', b'{"Width":-1,"Height":1}', b'{"Width":1e30,"Height":1}']
)
def test_an_impossible_terminal_size_is_ignored(message: bytes) -> None:
    assert remote_command.terminal_size(message) is None
