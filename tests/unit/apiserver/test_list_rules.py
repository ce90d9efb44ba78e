"""Options of lists and watches, continue tokens, selectors: what is refused, and in which words."""

from __future__ import annotations

import base64
import json

import pytest

from api import scheme, selectors
from api.errors import BadRequest, Expired, Invalid
from apiserver.fields import extract, in_stored_terms
from apiserver.requests import ListOptions
from apiserver.storage import continuation, list_rules
from apiserver.storage.selection import Selection


@pytest.mark.parametrize(("text", "expected"), [("", None), ("0", 0), ("17", 17), ("18446744073709551615", 2**64 - 1)])
def test_resource_versions(text: str, expected: int | None) -> None:
    assert list_rules.parse_resource_version(text) == expected


@pytest.mark.parametrize("text", ["x", "-1", "1.5", " 1", "１", "18446744073709551616"])
def test_malformed_resource_versions(text: str) -> None:
    with pytest.raises(BadRequest, match=r"strconv.ParseUint"):
        list_rules.parse_resource_version(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ListOptions(resource_version_match="Exact"),
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            ListOptions(resource_version_match="Exact", resource_version="0"),
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
        (ListOptions(resource_version_match="Near", resource_version="5"), 'Unsupported value: "Near"'),
        (ListOptions(send_initial_events=True), "sendInitialEvents is forbidden for list"),
    ],
)
def test_lists_refuse(options: ListOptions, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        list_rules.check_list(options)
    assert message in refused.value.message
    assert refused.value.message.startswith('ListOptions.meta.k8s.io "" is invalid: ')


def test_a_continued_list_takes_no_revision() -> None:
    with pytest.raises(BadRequest, match="specifying resource version is not allowed when using continue"):
        list_rules.check_list(ListOptions(continue_token="x", resource_version="5"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ListOptions(send_initial_events=True), "requires setting resourceVersionMatch to NotOlderThan"),
        (
            ListOptions(resource_version_match="NotOlderThan", resource_version="1"),
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
    ],
)
def test_watches_refuse(options: ListOptions, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        list_rules.check_watch(options)


def test_a_limited_list_at_a_revision_is_exact() -> None:
    assert list_rules.is_exact(ListOptions(limit=5, resource_version="7"), 7)
    assert not list_rules.is_exact(ListOptions(resource_version="7"), 7)
    options = ListOptions(limit=5, resource_version="7", resource_version_match="NotOlderThan")
    assert not list_rules.is_exact(options, 7)


def test_tokens_are_upstreams_and_come_back() -> None:
    token = continuation.encode(42, "default/a\0")
    text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert json.loads(text) == {"v": "meta.k8s.io/v1", "rv": 42, "start": "default/a\0"}
    assert continuation.decode(token) == (42, "default/a\0")


def _token(**fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "%%%",
        _token(v="meta.k8s.io/v2", rv=1, start="a"),
        _token(v="meta.k8s.io/v1", rv=0, start="a"),
        _token(v="meta.k8s.io/v1", rv=-2, start="a"),
        _token(v="meta.k8s.io/v1", rv=1, start="../../secrets/a"),
        _token(v="meta.k8s.io/v1", rv=1, start=""),
        _token(rv="x"),
    ],
)
def test_forged_tokens_are_refused(token: str) -> None:
    with pytest.raises(BadRequest, match="continue key is not valid"):
        continuation.decode(token)


def test_an_expired_token_comes_with_one_to_go_on_inconsistently() -> None:
    error = continuation.ContinueExpired("b\0")
    assert isinstance(error, Expired)
    status = error.to_status()
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert "The provided continue parameter is too old" in status["message"]
    assert continuation.decode(status["metadata"]["continue"]) == (continuation.INCONSISTENT, "b\0")


def test_unknown_fields_cannot_be_selected() -> None:
    with pytest.raises(BadRequest) as refused:
        Selection(scheme.find("configmaps"), fields="a.b=c")
    assert refused.value.message == ('"a.b" is not a known field selector: only "metadata.name", "metadata.namespace"')
    with pytest.raises(BadRequest, match=r"^field label not supported: spec.image$"):
        Selection(scheme.find("pods"), fields="spec.image=c")


def test_events_are_selected_by_the_names_of_the_group_they_are_asked_of() -> None:
    events = scheme.by_path("events.k8s.io", "v1", "events")
    text = "regarding.name=a\\=b,reportingController!=c,reason=d"
    assert in_stored_terms(events, text) == "involvedObject.name=a\\=b,reportingComponent!=c,reason=d"
    assert in_stored_terms(events, "") == ""
    assert in_stored_terms(scheme.find("pods"), "spec.nodeName=a") == "spec.nodeName=a"
    with pytest.raises(BadRequest, match=r"^field label not supported: involvedObject.name$"):
        in_stored_terms(events, "involvedObject.name=a")


@pytest.mark.parametrize(
    ("word", "status", "field"),
    [
        ("rc", {"replicas": 3}, "status.replicas=3"),
        ("rs", {"replicas": 3}, "status.replicas=3"),
        ("jobs", {"succeeded": 2}, "status.successful=2"),
        ("jobs", {}, "status.successful=0"),
    ],
)
def test_replicas_and_successes_can_be_selected(word: str, status: dict[str, int], field: str) -> None:
    data = json.dumps({"metadata": {"name": "a", "namespace": "b"}, "status": status}).encode()
    found = extract(scheme.find(word), "b", "a", data)
    assert selectors.fields(field).matches(found)
    assert not selectors.fields(field.replace("=", "!=")).matches(found)


def test_contradictory_fields_select_nothing() -> None:
    selection = Selection(scheme.find("configmaps"), "default", fields="metadata.name=a,metadata.name=b")
    assert selection.name == "a"
    assert not selection.everything
