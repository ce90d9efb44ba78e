"""The error tree against Statuses a real API server answered."""

from __future__ import annotations

from typing import Any

import pytest

from api import errors
from api.errors import FieldError


def status(message: str, reason: str, code: int, details: Any = None) -> dict[str, Any]:
    tree: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    tree |= {"message": message, "reason": reason}
    if details is not None:
        tree["details"] = details
    return tree | {"code": code}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            errors.NotFound("pods", "absent"),
            status('pods "absent" not found', "NotFound", 404, {"name": "absent", "kind": "pods"}),
        ),
        (
            errors.NotFound("deployments.apps", "d"),
            status(
                'deployments.apps "d" not found',
                "NotFound",
                404,
                {"name": "d", "group": "apps", "kind": "deployments"},
            ),
        ),
        (
            errors.generic(404),
            status("the server could not find the requested resource", "NotFound", 404, {}),
        ),
        (
            errors.generic(422),
            status("the server rejected our request due to an error in our request", "Invalid", 422, {}),
        ),
        (
            errors.generic(405),
            status("the server does not allow this method on the requested resource", "MethodNotAllowed", 405, {}),
        ),
        (
            errors.AlreadyExists("configmaps", "a"),
            status('configmaps "a" already exists', "AlreadyExists", 409, {"name": "a", "kind": "configmaps"}),
        ),
        (
            errors.Conflict("pods/binding", "ok", 'pod ok is already assigned to node "n1"'),
            status(
                'Operation cannot be fulfilled on pods/binding "ok": pod ok is already assigned to node "n1"',
                "Conflict",
                409,
                {"name": "ok", "kind": "pods/binding"},
            ),
        ),
        (
            errors.Forbidden("nodes", "", 'User "jane" cannot list resource "nodes"'),
            status('nodes is forbidden: User "jane" cannot list resource "nodes"', "Forbidden", 403, {"kind": "nodes"}),
        ),
        (
            errors.Forbidden("namespaces", "kube-system", "this namespace may not be deleted"),
            status(
                'namespaces "kube-system" is forbidden: this namespace may not be deleted',
                "Forbidden",
                403,
                {"name": "kube-system", "kind": "namespaces"},
            ),
        ),
        (errors.Unauthorized(), status("Unauthorized", "Unauthorized", 401)),
        (errors.BadRequest("bad"), status("bad", "BadRequest", 400)),
        (
            errors.too_large_resource_version(99999999, 216),
            status(
                "Timeout: Too large resource version: 99999999, current: 216",
                "Timeout",
                504,
                {
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                },
            ),
        ),
        (
            errors.UnsupportedMediaType(["application/json", "application/yaml"]),
            status(
                "the body of the request was in an unknown format - accepted media types include:"
                " application/json, application/yaml",
                "UnsupportedMediaType",
                415,
            ),
        ),
        (
            errors.Invalid(
                "RoleBinding.rbac.authorization.k8s.io",
                "r",
                [
                    FieldError.not_supported("roleRef.kind", "", ("Role", "ClusterRole")),
                    FieldError.required("roleRef.name"),
                ],
            ),
            status(
                'RoleBinding.rbac.authorization.k8s.io "r" is invalid: [roleRef.kind: Unsupported value: "":'
                ' supported values: "Role", "ClusterRole", roleRef.name: Required value]',
                "Invalid",
                422,
                {
                    "name": "r",
                    "group": "rbac.authorization.k8s.io",
                    "kind": "RoleBinding",
                    "causes": [
                        {
                            "reason": "FieldValueNotSupported",
                            "message": 'Unsupported value: "": supported values: "Role", "ClusterRole"',
                            "field": "roleRef.kind",
                        },
                        {"reason": "FieldValueRequired", "message": "Required value", "field": "roleRef.name"},
                    ],
                },
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, errors.StatusError) else "",
)
def test_statuses_are_upstreams(error: errors.StatusError, expected: dict[str, Any]) -> None:
    assert error.to_status() == expected
    again = errors.from_status(expected)
    assert type(again) is type(error)
    assert again.to_status() == expected


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (FieldError.invalid("a", "x", "why"), 'Invalid value: "x": why'),
        (FieldError.invalid("a", 5, "why"), "Invalid value: 5: why"),
        (FieldError.invalid("a", True, "why"), "Invalid value: true: why"),
        (FieldError.invalid("a", {"k": "v"}, "why"), 'Invalid value: {"k":"v"}: why'),
        (FieldError.invalid("a", None, "why"), "Invalid value: null: why"),
        (FieldError.invalid("a", 'q"', "why"), 'Invalid value: "q\\"": why'),
        (FieldError.required("a", "say it"), "Required value: say it"),
        (FieldError.forbidden("a", "no"), "Forbidden: no"),
        (FieldError.duplicate("a", "x"), 'Duplicate value: "x"'),
        (FieldError.not_found("a", "x"), 'Not found: "x"'),
        (FieldError.too_long("a", 1), "Too long: may not be more than 1 byte"),
        (FieldError.too_many("a", 5, 3), "Too many: 5: must have at most 3 items"),
        (FieldError.not_supported("a", "x", ()), 'Unsupported value: "x"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_field_errors_read_as_upstream(error: FieldError, body: str) -> None:
    assert error.body == body
    assert str(error) == f"a: {body}"


def test_the_same_complaint_is_made_once_in_the_message() -> None:
    wrong = FieldError.required("spec.x")
    error = errors.Invalid("Pod", "p", [wrong, wrong])
    assert error.message == 'Pod "p" is invalid: spec.x: Required value'
    assert len(error.causes) == 2


def test_a_status_without_reason_is_told_by_its_code() -> None:
    error = errors.from_status({"message": "gone", "code": 410})
    assert isinstance(error, errors.Expired)
    assert isinstance(errors.from_status({"code": 418}), errors.StatusError)
    assert errors.from_status({"code": 418}).code == 418


def test_the_reason_wins_over_the_code() -> None:
    error = errors.from_status({"message": "slow", "reason": "ServerTimeout", "code": 504})
    assert isinstance(error, errors.ServerTimeout)
    assert error.code == 504


def test_how_long_to_wait() -> None:
    assert errors.TooManyRequests("busy", 3).retry_after_seconds == 3
    assert errors.NotFound("pods", "a").retry_after_seconds == 0
