"""An HTTPRoute's matches, as the routing table has them (upstream: HTTPRouteMatch). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from api.types import HTTPHeaderMatch, HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
from ingress.model import EVERYTHING, Conditions, PathKind, PathMatch, ValueMatch

_REGEX = "RegularExpression"
_DELETE = 0x7F
# RE2 makes a program of an expression, and has memory for some hundred thousand steps.
_MOST_STEPS = 20_000
_MOST_REPEATED = 1_000
_STEPS = {".": 10, "[": 4, "\\": 4}
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", re.DOTALL)
# What Python understands and RE2 does not: looking around, references, possessive and very long repetitions.
_NOT_RE2 = re.compile(r"\\[1-9ZuUN]|\(\?(?!:|P<\w+>|[imsU-]+[:)])|[*+?}]\+|\{\d{4,}|\{\d*,\d{4,}")


class Unsupported(Exception):
    """Something in a rule that cannot be carried out; says what."""


def read(match: HTTPRouteMatch) -> tuple[PathMatch, Conditions]:
    """Raises Unsupported."""
    headers, parameters = _values(match.headers, ignore_case=True), _values(match.query_params, ignore_case=False)
    return _path(match.path), Conditions(match.method or "", headers, parameters)


def printable(text: str) -> str:
    """The text if it may stand in a header or path: the proxy would refuse all routes of the port for a line end."""
    if any(ord(character) < ord(" ") or ord(character) == _DELETE for character in text):
        raise Unsupported(f"{text!r} has control characters")
    return text


def _path(path: HTTPPathMatch | None) -> PathMatch:
    if path is None:
        return EVERYTHING
    value = path.value or "/"
    if path.type == "Exact":
        return PathMatch(PathKind.EXACT, value)
    if path.type == _REGEX:
        return PathMatch(PathKind.REGEX, _regex(value))
    return PathMatch(PathKind.PREFIX, value.rstrip("/") or "/")


def _values(matches: Iterable[HTTPHeaderMatch | HTTPQueryParamMatch], *, ignore_case: bool) -> tuple[ValueMatch, ...]:
    """Of several for one name only the first counts."""
    found: dict[str, ValueMatch] = {}
    for match in matches:
        is_regex = match.type == _REGEX
        value = _regex(match.value) if is_regex else match.value
        name = match.name.lower() if ignore_case else match.name
        found.setdefault(name, ValueMatch(name, value, is_regex))
    return tuple(found.values())


def _regex(expression: str) -> str:
    """The expression if the proxy will take it: it would refuse all routes of the port for one it cannot read."""
    try:
        re.compile(expression)
    except (re.error, RecursionError) as error:
        raise Unsupported(f"{expression!r} is not a regular expression: {error}") from error
    steps, repeated = _size(expression)
    if steps > _MOST_STEPS or repeated > _MOST_REPEATED:
        raise Unsupported(f"{expression!r} is too large once its repetitions are written out")
    refused = _NOT_RE2.search(expression.replace("\\\\", ""))
    if refused:
        message = f"{expression!r} has {refused.group()!r}, which expressions in RE2's notation have not"
        raise Unsupported(message)
    return expression


def _size(expression: str) -> tuple[int, int]:
    """About how many steps RE2's program for a valid expression has, and how often its most repeated part is there.

    Counted repetitions are written out, those within others as often as both say.
    """
    open_groups: list[list[tuple[int, int]]] = [[]]
    for token in _TOKEN.findall(expression):
        parts = open_groups[-1]
        if token == "(":
            open_groups.append([])
        elif token == ")":
            inside = open_groups.pop()
            open_groups[-1].append(_sum(inside))
        elif token[0] == "{" and len(token) > 1 and parts:
            times = max((int(each) for each in re.findall(r"\d+", token)), default=1)
            steps, repeated = parts[-1]
            parts[-1] = (steps * max(times, 1), repeated * max(times, 1))
        else:
            parts.append((_STEPS.get(token[0], 1), 1))
    return _sum(open_groups[0])


def _sum(parts: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(steps for steps, _ in parts) + 2, max((repeated for _, repeated in parts), default=1)
