"""Probes, lifecycle hooks and what they do."""

from __future__ import annotations

import re

from api.errors import FieldError
from api.names import regex_message
from api.types import Container, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction
from api.validation.checks import Errors, non_negative, port_number_or_name, required

_HEADER = "[-A-Za-z0-9]+"
_HEADER_RE = re.compile(_HEADER)
_HEADER_MESSAGE = "a valid HTTP header must consist of alphanumeric characters or '-'"
_ONE_HANDLER = "may not specify more than 1 handler type"


def of_container(container: Container, grace_period: int | None, path: str) -> Errors:
    """Hooks and probes of a container that keeps running."""
    if container.lifecycle is not None:
        yield from _lifecycle(container.lifecycle, grace_period, f"{path}.lifecycle")
    if container.liveness_probe is not None:
        yield from _probe(container.liveness_probe, f"{path}.livenessProbe")
        yield from _one_success(container.liveness_probe, f"{path}.livenessProbe")
    if container.readiness_probe is not None:
        yield from _probe(container.readiness_probe, f"{path}.readinessProbe")
        seconds = container.readiness_probe.termination_grace_period_seconds
        if seconds is not None:
            where = f"{path}.readinessProbe.terminationGracePeriodSeconds"
            yield FieldError.invalid(where, seconds, "must not be set for readinessProbes")
    if container.startup_probe is not None:
        yield from _probe(container.startup_probe, f"{path}.startupProbe")
        yield from _one_success(container.startup_probe, f"{path}.startupProbe")


def _one_success(probe: Probe, path: str) -> Errors:
    if probe.success_threshold != 1:
        yield FieldError.invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1")


def _probe(probe: Probe, path: str) -> Errors:
    handlers = (
        ("exec", probe.exec),
        ("httpGet", probe.http_get),
        ("tcpSocket", probe.tcp_socket),
        ("grpc", probe.grpc),
    )
    yield from _handler(handlers, None, path)
    yield from non_negative(probe.initial_delay_seconds, f"{path}.initialDelaySeconds")
    yield from non_negative(probe.timeout_seconds, f"{path}.timeoutSeconds")
    yield from non_negative(probe.period_seconds, f"{path}.periodSeconds")
    yield from non_negative(probe.success_threshold, f"{path}.successThreshold")
    yield from non_negative(probe.failure_threshold, f"{path}.failureThreshold")
    seconds = probe.termination_grace_period_seconds
    if seconds is not None and seconds <= 0:
        yield FieldError.invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0")


def _lifecycle(lifecycle: Lifecycle, grace_period: int | None, path: str) -> Errors:
    for json_name, hook in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if hook is not None:
            yield from _handler(_hook_handlers(hook), grace_period, f"{path}.{json_name}")


def _hook_handlers(hook: LifecycleHandler) -> tuple[tuple[str, object], ...]:
    return (("exec", hook.exec), ("httpGet", hook.http_get), ("tcpSocket", hook.tcp_socket), ("sleep", hook.sleep))


def _handler(handlers: tuple[tuple[str, object], ...], grace_period: int | None, path: str) -> Errors:
    """Exactly one of the handlers must be there."""
    given = [(json_name, action) for json_name, action in handlers if action is not None]
    if not given:
        yield FieldError.required(path, "must specify a handler type")
        return
    json_name, action = given[0]
    yield from _action(action, grace_period, f"{path}.{json_name}")
    for json_name, _ in given[1:]:
        yield FieldError.forbidden(f"{path}.{json_name}", _ONE_HANDLER)


def _action(action: object, grace_period: int | None, path: str) -> Errors:
    if isinstance(action, ExecAction):
        yield from required(action.command, f"{path}.command")
    elif isinstance(action, HTTPGetAction):
        yield from _http_get(action, path)
    elif isinstance(action, SleepAction):
        if grace_period is not None and not 0 <= action.seconds <= grace_period:
            detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_period})"
            yield FieldError.invalid(path, action.seconds, detail)
    else:
        yield from port_number_or_name(action.port, f"{path}.port")  # type: ignore[attr-defined]


def _http_get(action: HTTPGetAction, path: str) -> Errors:
    yield from required(action.path, f"{path}.path")
    yield from port_number_or_name(action.port, f"{path}.port")
    if action.scheme not in ("HTTP", "HTTPS"):
        yield FieldError.not_supported(f"{path}.scheme", action.scheme, ("HTTP", "HTTPS"))
    for header in action.http_headers:
        if not _HEADER_RE.fullmatch(header.name):
            message = regex_message(_HEADER_MESSAGE, _HEADER, "X-Header-Name")
            yield FieldError.invalid(f"{path}.httpHeaders", header.name, message)
