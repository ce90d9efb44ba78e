"""Query parameters and the options made of them."""

from __future__ import annotations

import pytest

from api import errors
from api.types import Preconditions
from apiserver.requests import ListOptions, WriteOptions
from apiserver.rest import query


def test_values_are_decoded_and_keep_their_order() -> None:
    parsed = query.parse("command=sh&command=-c&command=echo+a%20b&stdin&x=1=2")
    assert parsed == {"command": ["sh", "-c", "echo a b"], "stdin": [""], "x": ["1=2"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("", False), ("watch", True), ("watch=true", True), ("watch=1", True), ("watch=0", False), ("watch=False", False)],
)
def test_flags(text: str, value: bool) -> None:
    assert query.flag(query.parse(text), "watch") is value


def test_list_options() -> None:
    text = (
        "labelSelector=a%3Db&fieldSelector=metadata.name%3Dx&limit=5&continue=token&resourceVersion=7"
        "&resourceVersionMatch=Exact&timeoutSeconds=30&allowWatchBookmarks=true&sendInitialEvents=false"
    )
    assert query.list_options(query.parse(text)) == ListOptions(
        label_selector="a=b",
        field_selector="metadata.name=x",
        limit=5,
        continue_token="token",
        resource_version="7",
        resource_version_match="Exact",
        allow_watch_bookmarks=True,
        send_initial_events=False,
        timeout_seconds=30,
    )
    assert query.list_options(query.EMPTY) == ListOptions()


def test_a_limit_below_zero_is_none() -> None:
    assert query.list_options({"limit": ["-1"]}).limit == 0


@pytest.mark.parametrize("value", ["x", "1.5", "0x10", "١", "-", "99999999999999999999"])
def test_numbers_that_are_none(value: str) -> None:
    with pytest.raises(errors.BadRequest, match=r"strconv\.ParseInt: parsing"):
        query.list_options({"limit": [value]})


def test_write_options() -> None:
    parsed = query.parse("dryRun=All&fieldManager=kubectl&fieldValidation=Strict&force=true")
    expected = WriteOptions(dry_run=("All",), field_validation="Strict", field_manager="kubectl", force=True)
    assert query.write_options(parsed) == expected


def test_delete_options_only_when_the_query_has_some() -> None:
    assert query.delete_options(query.parse("pretty=true")) is None
    options = query.delete_options(query.parse("gracePeriodSeconds=0&propagationPolicy=Orphan&dryRun=All"))
    assert options is not None
    assert (options.grace_period_seconds, options.propagation_policy, options.dry_run) == (0, "Orphan", ["All"])


def test_preconditions_in_the_query_of_a_delete() -> None:
    parsed = query.parse("uid=u&resourceVersion=7")
    options = query.delete_options(parsed)
    assert options is not None
    assert options.preconditions == Preconditions(uid="u", resource_version="7")
    assert query.delete_options(parsed, collection=True) is None


def test_the_time_a_request_has() -> None:
    parsed = {
        text: query.timeout_seconds(query.parse(text)) for text in ("timeout=1m30s", "timeout=0s", "timeout=", "")
    }
    assert parsed == {"timeout=1m30s": 90, "timeout=0s": None, "timeout=": None, "": None}
    with pytest.raises(
        errors.BadRequest, match='invalid timeout specified in the request URL - time: invalid duration "x"'
    ):
        query.timeout_seconds(query.parse("timeout=x"))
