"""What is remembered of a connection: only while it is open, and no more than a token's worth."""

from __future__ import annotations

from typing import Any, cast

import pytest

from apiserver.rest import server
from apiserver.rest.connections import REMEMBERED_CHARACTERS, Connections


class NoCertificate:
    def get_extra_info(self, name: str) -> None:
        return None


@pytest.fixture
def connection() -> Any:
    return object()


@pytest.fixture
def connections(connection: Any) -> Connections:
    connections = Connections()
    connections.made(connection, cast(Any, NoCertificate()))
    return connections


def test_a_token_sent_again_is_the_same_string(connections: Connections, connection: Any) -> None:
    first = connections.token_of(connection, " ".join(["Bearer", "abc"]))
    assert first == "abc"
    assert connections.token_of(connection, " ".join(["Bearer", "abc"])) is first


def test_another_header_counts_at_once(connections: Connections, connection: Any) -> None:
    assert connections.token_of(connection, "Bearer abc") == "abc"
    assert connections.token_of(connection, "bearer  def ") == "def"
    assert connections.token_of(connection, "Basic abc") == ""
    assert connections.token_of(connection, "Bearer") == ""
    assert connections.token_of(connection, "Bearer abc") == "abc"


def test_long_headers_are_not_kept(connections: Connections, connection: Any) -> None:
    token = "a" * REMEMBERED_CHARACTERS
    first = connections.token_of(connection, f"Bearer {token}")
    assert first == token
    assert connections.token_of(connection, f"Bearer {token}") is not first


def test_nothing_is_kept_of_a_lost_connection(connections: Connections, connection: Any) -> None:
    connections.token_of(connection, "Bearer abc")
    connections.lost(connection)
    first = connections.token_of(connection, " ".join(["Bearer", "abc"]))
    assert connections.token_of(connection, " ".join(["Bearer", "abc"])) is not first


def test_a_connection_that_broke_is_not_logged_and_a_failure_is(caplog: pytest.LogCaptureFixture) -> None:
    for error in (ConnectionResetError("the log ended with an error"), KeyError("ours")):
        try:
            raise error
        except Exception:
            server.log.exception("Error handling request from 127.0.0.1")
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [KeyError]
