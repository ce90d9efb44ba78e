"""In which form a watch sends its events."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import orjson
import pytest

from api import errors, scheme
from apiserver.requests import Batch, Event, ListOptions
from apiserver.rest import watches
from apiserver.rest.call import Call
from apiserver.rest.request_info import parse
from tests.support.rest import stored

SECRETS = scheme.find("secrets")
LISTING = ListOptions(send_initial_events=True, allow_watch_bookmarks=True)
TABLE = "application/json;as=Table;g=meta.k8s.io"


def frame(accept: str, options: ListOptions) -> Any:
    """The object of an event, in the form `accept` asks for."""
    call = Call(Mock(headers={"Accept": accept}), parse("GET", "/api/v1/secrets", watch=True), "", "")
    (line,) = watches.frames_of(SECRETS, call, options)(Batch([Event("ADDED", stored(SECRETS, "a"))], 9))
    return orjson.loads(line)["object"]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_tables_are_of_the_version_asked_for(version: str) -> None:
    table = frame(f"{TABLE};v={version}", ListOptions())
    assert (table["kind"], table["apiVersion"]) == ("Table", f"meta.k8s.io/{version}")


def test_no_tables_where_the_watch_stands_for_a_list() -> None:
    with pytest.raises(errors.NotAcceptable):
        frame(f"{TABLE};v=v1", LISTING)
    assert frame(f"{TABLE};v=v1,application/json", LISTING)["kind"] == "Secret"
