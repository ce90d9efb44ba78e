"""The one error tree: upstream's Status reasons as exceptions.

Constructors mirror upstream's (apimachinery `api/errors`): the same arguments give the same message, code,
reason and details. Resources and kinds are passed qualified, as upstream prints them: "pods",
"deployments.apps", "Deployment.apps".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from api.field_errors import FieldError as FieldError
from api.field_errors import aggregate


class StatusError(Exception):
    """A failure as the API reports it. `details` is a StatusDetails tree, or None when the Status has none."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = ""

    message: str
    details: Mapping[str, Any] | None

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message

    @property
    def retry_after_seconds(self) -> int:
        """How long the server asked to wait before the next try; 0 when it did not."""
        return int((self.details or {}).get("retryAfterSeconds", 0))

    @property
    def causes(self) -> Sequence[Mapping[str, Any]]:
        """The single causes of the failure, for `Invalid` one per field."""
        causes: Sequence[Mapping[str, Any]] = (self.details or {}).get("causes", ())
        return causes

    def to_status(self) -> dict[str, Any]:
        """The Status object that carries this failure to clients."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.code
        return status


def _details(
    name: str = "",
    qualified: str = "",
    *,
    causes: Sequence[Mapping[str, Any]] = (),
    retry_after_seconds: int = 0,
) -> dict[str, Any]:
    kind, _, group = qualified.partition(".")
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    if causes:
        details["causes"] = list(causes)
    if retry_after_seconds:
        details["retryAfterSeconds"] = retry_after_seconds
    return details


class NotFound(StatusError):
    code = 404
    reason = "NotFound"

    def __init__(self, group_resource: str, name: str) -> None:
        super().__init__(f'{group_resource} "{name}" not found', _details(name, group_resource))


class AlreadyExists(StatusError):
    code = 409
    reason = "AlreadyExists"

    def __init__(self, group_resource: str, name: str) -> None:
        super().__init__(f'{group_resource} "{name}" already exists', _details(name, group_resource))


class Conflict(StatusError):
    code = 409
    reason = "Conflict"

    def __init__(self, group_resource: str, name: str, cause: str) -> None:
        message = f'Operation cannot be fulfilled on {group_resource} "{name}": {cause}'
        super().__init__(message, _details(name, group_resource))


class Invalid(StatusError):
    code = 422
    reason = "Invalid"

    def __init__(self, group_kind: str, name: str, errors: Iterable[FieldError]) -> None:
        listed = list(errors)
        message = f'{group_kind} "{name}" is invalid'
        if listed:
            message = f"{message}: {aggregate(listed)}"
        causes = [error.to_cause() for error in listed]
        super().__init__(message, _details(name, group_kind, causes=causes))


class Forbidden(StatusError):
    code = 403
    reason = "Forbidden"

    def __init__(self, group_resource: str, name: str, cause: str) -> None:
        if not group_resource:
            message = f"forbidden: {cause}"
        elif not name:
            message = f"{group_resource} is forbidden: {cause}"
        else:
            message = f'{group_resource} "{name}" is forbidden: {cause}'
        super().__init__(message, _details(name, group_resource))


class Unauthorized(StatusError):
    code = 401
    reason = "Unauthorized"

    def __init__(self, message: str = "Unauthorized") -> None:
        super().__init__(message)


class BadRequest(StatusError):
    code = 400
    reason = "BadRequest"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Undecodable(BadRequest):
    """A document that is no record of the kind it should be; `cause` says why, without naming the kinds."""

    def __init__(self, kind: str, version: str, expected: str, cause: str) -> None:
        super().__init__(f'{kind} in version "{version}" cannot be handled as a {expected}: {cause}')
        self.cause = cause


class Expired(StatusError):
    """The requested revision or continue token is no longer held: list again."""

    code = 410
    reason = "Expired"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Gone(StatusError):
    code = 410
    reason = "Gone"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class MethodNotSupported(StatusError):
    code = 405
    reason = "MethodNotAllowed"

    def __init__(self, group_resource: str, action: str) -> None:
        message = f'{action} is not supported on resources of kind "{group_resource}"'
        super().__init__(message, _details(qualified=group_resource))


class NotAcceptable(StatusError):
    code = 406
    reason = "NotAcceptable"

    def __init__(self, accepted: Iterable[str]) -> None:
        super().__init__(f"only the following media types are accepted: {', '.join(accepted)}")


class UnsupportedMediaType(StatusError):
    code = 415
    reason = "UnsupportedMediaType"

    def __init__(self, accepted: Iterable[str]) -> None:
        super().__init__(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
        )


class RequestEntityTooLarge(StatusError):
    code = 413
    reason = "RequestEntityTooLarge"

    def __init__(self, message: str) -> None:
        super().__init__(f"Request entity too large: {message}")


class TooManyRequests(StatusError):
    code = 429
    reason = "TooManyRequests"

    def __init__(self, message: str, retry_after_seconds: int = 0) -> None:
        super().__init__(message, _details(retry_after_seconds=retry_after_seconds))


class ServerTimeout(StatusError):
    code = 500
    reason = "ServerTimeout"

    def __init__(self, group_resource: str, operation: str, retry_after_seconds: int = 0) -> None:
        super().__init__(
            f"The {operation} operation against {group_resource} could not be completed at this time,"
            " please try again.",
            _details(qualified=group_resource, retry_after_seconds=retry_after_seconds),
        )


class Timeout(StatusError):
    code = 504
    reason = "Timeout"

    def __init__(self, message: str, retry_after_seconds: int = 0, causes: Sequence[Mapping[str, Any]] = ()) -> None:
        details = _details(causes=causes, retry_after_seconds=retry_after_seconds)
        super().__init__(f"Timeout: {message}", details)


class InternalError(StatusError):
    code = 500
    reason = "InternalError"

    def __init__(self, cause: str) -> None:
        super().__init__(f"Internal error occurred: {cause}", _details(causes=[{"message": cause}]))


class ServiceUnavailable(StatusError):
    code = 503
    reason = "ServiceUnavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message)


_BY_REASON: dict[str, type[StatusError]] = {
    error.reason: error
    for error in (
        NotFound, AlreadyExists, Conflict, Invalid, Forbidden, Unauthorized, BadRequest, Expired, Gone,
        MethodNotSupported, NotAcceptable, UnsupportedMediaType, RequestEntityTooLarge, TooManyRequests,
        ServerTimeout, Timeout, InternalError, ServiceUnavailable,
    )
}  # fmt: skip
_BY_CODE: dict[int, type[StatusError]] = {
    error.code: error for error in reversed(_BY_REASON.values()) if error is not ServerTimeout
} | {409: Conflict, 410: Expired}

_GENERIC_MESSAGES = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    403: "the server does not allow access to the requested resource",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    406: "the server was unable to respond with a content type that the client supports",
    413: "the request is too large",
    415: "the body of the request was in an unknown format",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


def _build(error_type: type[StatusError], message: str, details: Mapping[str, Any] | None) -> StatusError:
    """An error of the given type whose message is already complete."""
    error = error_type.__new__(error_type)
    StatusError.__init__(error, message, details)
    return error


def generic(code: int) -> StatusError:
    """What upstream answers when nothing more is known than an HTTP status (`NewGenericServerResponse`)."""
    message = _GENERIC_MESSAGES.get(code, "unknown")
    return _build(_BY_CODE.get(code, InternalError), message, {})


def generate_name_conflict(group_resource: str, name: str, retry_after_seconds: int = 1) -> StatusError:
    """Every name tried for a generateName was taken."""
    message = (
        f'{group_resource} "{name}" already exists, the server was not able to generate a unique name for the object'
    )
    return _build(AlreadyExists, message, _details(name, group_resource, retry_after_seconds=retry_after_seconds))


def too_large_resource_version(requested: int, current: int, retry_after_seconds: int = 1) -> Timeout:
    """The client asked for a revision the server has not reached."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Too large resource version: {requested}, current: {current}"
    return Timeout(message, retry_after_seconds, [cause])


def from_status(status: Mapping[str, Any]) -> StatusError:
    """The exception a Status object stands for, chosen by its reason, else by its code."""
    code = int(status.get("code") or 500)
    error_type = _BY_REASON.get(status.get("reason") or "") or _BY_CODE.get(code, InternalError)
    message = status.get("message") or _GENERIC_MESSAGES.get(code, "unknown")
    error = _build(error_type, message, status.get("details"))
    if error.code != code:
        error.code = code  # type: ignore[misc]  # the server's own code wins over the reason's usual one
    return error
