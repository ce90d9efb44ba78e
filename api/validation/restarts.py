"""When containers are started again: their own restart policy and its rules (KEP-5307), and signals that stop them."""

from __future__ import annotations

from collections.abc import Sequence

from api.errors import FieldError
from api.types import Container, ContainerRestartRule, PodSpec
from api.types.record import STOP_SIGNALS
from api.validation.checks import Errors, known, one_of

_POLICIES = ("Always", "Never", "OnFailure")
_RESTART_ALL = "RestartAllContainers"
_ACTIONS = ("Restart", _RESTART_ALL)
_OPERATORS = ("In", "NotIn")
_MOST_RULES = 20
_MOST_CODES = 255


def policy(container: Container, path: str) -> Errors:
    """The restart policy and rules of a regular or init container."""
    if container.restart_policy is not None:
        yield from known(container.restart_policy, f"{path}.restartPolicy", _POLICIES)
    rules = container.restart_policy_rules
    if not rules:
        return
    where = f"{path}.restartPolicyRules"
    if container.restart_policy is None:
        yield FieldError.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    if len(rules) > _MOST_RULES:
        yield FieldError("FieldValueTooMany", where, len(rules), f"must have at most {_MOST_RULES} items")
    yield from _rules(rules, where)


def _rules(rules: Sequence[ContainerRestartRule], path: str) -> Errors:
    for index, rule in enumerate(rules):
        where = f"{path}[{index}]"
        yield from one_of(rule.action, f"{where}.action", _ACTIONS)
        if rule.exit_codes is None:
            yield FieldError.required(f"{where}.exitCodes", "must be specified")
            continue
        yield from one_of(rule.exit_codes.operator, f"{where}.exitCodes.operator", _OPERATORS)
        values = rule.exit_codes.values
        if not values:
            yield FieldError.required(f"{where}.exitCodes.values", "must specify at least one value")
        elif len(values) > _MOST_CODES:
            detail = f"must have at most {_MOST_CODES} items"
            yield FieldError("FieldValueTooMany", f"{where}.exitCodes.values", len(values), detail)


def may_restart_all(spec: PodSpec) -> bool:
    """Whether the exit of one container may bring all back, those that ended for good included."""
    containers = (*spec.init_containers, *spec.containers)
    return any(rule.action == _RESTART_ALL for container in containers for rule in container.restart_policy_rules)


def may_restart(container: Container, spec: PodSpec, exit_code: int, *, init: bool) -> bool:
    """Whether a container that ended so may run again: what its status may go back from."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
            return True
    wanted = container.restart_policy or spec.restart_policy
    if init and container.restart_policy == "Always":
        return True
    return wanted == "Always" or (wanted == "OnFailure" and exit_code != 0)


def stop_signal(container: Container, spec: PodSpec, path: str) -> Errors:
    """A signal of its own needs to know for which system the pod is."""
    signal = container.lifecycle.stop_signal if container.lifecycle is not None else None
    if signal is None:
        return
    where = f"{path}.lifecycle.stopSignal"
    if spec.os is None or not spec.os.name:
        yield FieldError.forbidden(where, "may not be set for containers with empty `spec.os.name`")
    elif spec.os.name == "windows":
        yield from known(signal, where, ("SIGKILL", "SIGTERM"))
    else:
        yield from known(signal, where, STOP_SIGNALS)
