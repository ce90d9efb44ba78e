"""`podling wait`: until something holds for objects, or they are gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from api.scheme import Resource
from podling.cli import choice, durations, jsonpath, targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Labels, Namespace
from podling.cli.output import say
from podling.cli.progress import progress
from podling.cli.rpc import Api, Tree, api, tree
from podling.cli.waiting import wait_gone, wait_until
from podling.errors import CommandError

Holds = Callable[[Tree], bool]


def wait(
    *what: str,
    for_: Annotated[str, Parameter(name="--for", help="delete, condition=NAME[=VALUE] or jsonpath=PATH[=VALUE].")],
    timeout: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="How long for each: 30s, 5m; 0 looks once, -1s waits for a week."),
    ] = "30s",
    selector: Labels = "",
    all: Annotated[bool, Parameter(negative="", help="All objects of the type in the namespace.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Wait for objects: `wait pod/a --for=condition=Ready`, `wait pods -l app=web --for=delete`."""
    limit = 7 * 86_400.0 if timeout.startswith("-") else durations.seconds(timeout)
    condition = None if for_ == "delete" else parse_condition(for_)
    with api(dir) as server:
        objects = [
            (target.resource, name)
            for target in targets.parse(what)
            for name in choice.names(server, target, selector=selector, all=all, namespace=namespace)
        ]
        if not objects and condition is not None:
            raise CommandError(f"there are no such {what[0]} to wait for")
        deadline = time.monotonic() + limit
        each(objects, lambda one: _wait(server, *one, namespace, condition, for_, deadline))


def parse_condition(text: str) -> Holds:
    """What `--for` asks of an object. Raises CommandError."""
    kind, _, rest = text.partition("=")
    if kind == "condition" and rest:
        name, _, status = rest.partition("=")
        return lambda object: _has_condition(object, name.lower(), (status or "True").lower())
    if kind == "jsonpath" and rest:
        path, value = _split_path(rest)
        return lambda object: _has_value(jsonpath.find(path, object), value)
    raise CommandError(f'"{text}" is nothing to wait for: use delete, condition=NAME or jsonpath=PATH')


def _split_path(text: str) -> tuple[str, str | None]:
    """`{PATH}=VALUE`; without a value any will do."""
    end = text.rfind("}")
    if not text.startswith("{") or end < 0:
        raise CommandError(f'"{text}" is no path: write jsonpath={{.status.phase}}=Running')
    path, rest = text[: end + 1], text[end + 1 :]
    try:
        jsonpath.find(path, {})
    except jsonpath.JsonPathError as error:
        raise CommandError(f"{path}: {error}") from None
    return path, rest.removeprefix("=") if rest else None


def _has_condition(object: Tree, name: str, value: str) -> bool:
    conditions = object.get("status", {}).get("conditions", ())
    return any(c["type"].lower() == name and str(c["status"]).lower() == value for c in conditions)


def _has_value(found: list[object], value: str | None) -> bool:
    if value is None:
        return bool(found)
    return any((str(one).lower() if isinstance(one, bool) else str(one)) == value for one in found)


def _wait(
    server: Api,
    resource: Resource,
    name: str,
    namespace: str,
    condition: Holds | None,
    text: str,
    deadline: float,
) -> None:
    shown = targets.label(resource, name)
    left = max(0.0, deadline - time.monotonic())
    with progress(plain=False) as tell:
        tell(f"waiting for {text} on {shown}")
        if condition is None:
            page = server.list(resource, namespace, field_selector=f"metadata.name={name}")
            uid = tree(page.items[0])["metadata"]["uid"] if page.items else ""
            met = wait_gone(server, resource, namespace, name, uid, left, lambda: None)
        else:
            first = server.get(resource, namespace, name)
            met = condition(first) or wait_until(
                server, resource, namespace, name, lambda state: state is not None and condition(state), left
            )
    if not met:
        raise CommandError(f"timed out waiting for {text} on {shown}")
    say(f"{shown} condition met")
