"""Requests and the Status each gets. The cases in errors.json were observed on a real Kubernetes API server.

A case without a message is one whose wording changed between releases; code, reason, details and causes hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.apiserver import Apiserver

CASES = json.loads((Path(__file__).parent / "errors.json").read_text())
DEPLOYMENT = {
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "a"}]}},
    },
}
SETUP = {
    "/api/v1/namespaces/default/configmaps": [{"metadata": {"name": "a"}, "data": {"k": "v"}}],
    "/api/v1/namespaces/default/pods": [
        {"metadata": {"name": "ok"}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
    ],
    "/apis/apps/v1/namespaces/default/deployments": [DEPLOYMENT],
}


@pytest.fixture(scope="module")
def prepared(cluster: Apiserver) -> Apiserver:
    for path, objects in SETUP.items():
        for tree in objects:
            created = cluster.request("POST", path, tree)
            assert created.status == 201, created.body
    return cluster


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_known_answers(prepared: Apiserver, case: dict[str, Any]) -> None:
    answer = prepared.request(
        case["method"],
        case["path"],
        _body(case),
        identity=None if "Authorization" in case.get("headers", {}) else "admin",
        content_type=case.get("contentType", "application/json"),
        headers=case.get("headers"),
    )
    status = answer.json
    assert (answer.status, status["code"], status.get("reason", "")) == (case["code"], case["code"], case["reason"])
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    if "message" in case:
        assert status["message"] == case["message"]
    details = status.get("details") or {}
    for key, value in case.get("details", {}).items():
        assert details[key] == value
    if "causes" in case:
        causes = [[cause.get("reason", ""), cause.get("field", "")] for cause in details["causes"]]
        assert causes == case["causes"]


def _body(case: dict[str, Any]) -> Any:
    if case["case"] == "too large":
        return {"metadata": {"name": "big"}, "data": {"k": "x" * 1_100_000}}
    body = case.get("body")
    return body.encode() if isinstance(body, str) else body


def test_a_body_above_the_limit(prepared: Apiserver) -> None:
    body = b'{"metadata":{"name":"huge"},"data":{"k":"' + b"x" * 3_200_000 + b'"}}'
    answer = prepared.request("POST", "/api/v1/namespaces/default/configmaps", body)
    assert (answer.status, answer.json["reason"]) == (413, "RequestEntityTooLarge")
    assert prepared.request("GET", "/api/v1/namespaces/default/configmaps/huge").status == 404


def test_anonymous_callers_write_nothing(prepared: Apiserver) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    assert prepared.request("POST", path, {"metadata": {"name": "x"}}, identity=None).status == 401
    assert prepared.request("GET", f"{path}/x").status == 404
